import { EXIT } from '../../src/errors.ts';
import type { CommandModule } from '../shared/command.ts';
import { requireDatabaseDocument } from '../shared/fleet.ts';
import { instanceOperation } from '../shared/instance-operation.ts';
import { runOperation, showRehearsal } from '../shared/operations.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<database>', 'id of the database')
      .option('--dry-run', 'show what would happen, and touch nothing')
      .addHelpText('after', '\nExample:\n  pgctl db restart shop'),
  async run(app, [id = ''], options) {
    await requireDatabaseDocument(app, id);
    const request = instanceOperation({ verb: 'restart', databaseId: id, instanceId: null });
    if (options.dryRun !== true) return runOperation(app, request);
    await showRehearsal(app, request);
    return EXIT.ok;
  },
};
