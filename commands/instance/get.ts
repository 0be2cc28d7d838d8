import { showInstance } from '../../src/ui/views.ts';
import type { CommandModule } from '../shared/command.ts';
import { requireInstanceDocument } from '../shared/fleet.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<instance>', 'id of the instance, <database>.<node>.<host>')
      .addHelpText('after', '\nExample:\n  pgctl instance get shop.n1.host-1'),
  async run(app, [id = '']) {
    app.ui.result(await requireInstanceDocument(app, id), showInstance);
  },
};
