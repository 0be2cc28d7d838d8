import type { CommandModule } from '../shared/command.ts';
import { requireInstanceDocument } from '../shared/fleet.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<instance>', 'id of the instance, <database>.<node>.<host>')
      .addHelpText('after', '\nExample:\n  pgctl instance get shop.n1.host-1'),
  async run(app, [id = '']) {
    await app.show(await requireInstanceDocument(app, id), (views) => views.showInstance);
  },
};
