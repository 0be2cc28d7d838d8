import type { CommandModule } from '../shared/command.ts';
import { requireDatabaseDocument } from '../shared/fleet.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<database>', 'id of the database')
      .addHelpText('after', '\nExample:\n  pgctl db get shop'),
  async run(app, [id = '']) {
    await app.show(await requireDatabaseDocument(app, id), (views) => views.showDatabase);
  },
};
