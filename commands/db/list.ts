import type { CommandModule } from '../shared/command.ts';
import { readDatabases } from '../shared/fleet.ts';

export const command: CommandModule = {
  configure: (command) => void command.addHelpText('after', '\nExample:\n  pgctl db list -o json'),
  async run(app) {
    const items = (await readDatabases(app)).map(({ spec: _, ...rest }) => rest);
    await app.show({ kind: 'DatabaseList', items }, (views) => views.showDatabaseList);
  },
};
