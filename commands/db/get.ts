import { showDatabase } from '../../src/ui/views.ts';
import type { CommandModule } from '../shared/command.ts';
import { requireDatabaseDocument } from '../shared/fleet.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<database>', 'id of the database')
      .addHelpText('after', '\nExample:\n  pgctl db get shop'),
  async run(app, [id = '']) {
    app.ui.result(await requireDatabaseDocument(app, id), showDatabase);
  },
};
