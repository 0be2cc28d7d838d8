import { EXIT } from '../../src/errors.ts';
import type { CommandModule } from './command.ts';
import { requireInstanceDocument } from './fleet.ts';
import { instanceOperation, type InstanceVerb } from './instance-operation.ts';
import { runOperation, showRehearsal } from './operations.ts';

/** A command that changes one instance. */
export function instanceCommand(verb: InstanceVerb): CommandModule {
  return {
    configure: (command) =>
      void command
        .argument('<instance>', 'id of the instance, <database>.<node>.<host>')
        .option('--dry-run', 'show what would happen, and touch nothing')
        .addHelpText('after', `\nExample:\n  pgctl instance ${verb} shop.n1.host-2`),
    async run(app, [id = ''], options) {
      const { database_id } = await requireInstanceDocument(app, id);
      const request = instanceOperation({ verb, databaseId: database_id, instanceId: id });
      if (options.dryRun !== true) return runOperation(app, request, id);
      await showRehearsal(app, request);
      return EXIT.ok;
    },
  };
}
