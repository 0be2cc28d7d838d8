import { EXIT } from '../../src/errors.ts';
import { deletion } from '../shared/delete-operation.ts';
import type { DatabaseDocument } from '../../src/ui/documents.ts';
import type { CommandModule } from '../shared/command.ts';
import { requireDatabaseDocument } from '../shared/fleet.ts';
import { runOperation, showRehearsal } from '../shared/operations.ts';

/** What goes, in words. */
function whatGoes({ id, instances }: DatabaseDocument): string {
  const copies = instances.map(
    (i) => `  ${i.instance_id} on ${i.host_id} (${i.role ?? i.state}), with its data`,
  );
  return [
    `This deletes database ${id} with all copies of its data, and cannot be undone:`,
    ...(copies.length === 0 ? ['  no instance was ever made'] : copies),
  ].join('\n');
}

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<database>', 'id of the database')
      .option('--dry-run', 'show what would happen, and touch nothing')
      .addHelpText('after', '\nExample:\n  pgctl db delete shop'),
  async run(app, [id = ''], options) {
    const database = await requireDatabaseDocument(app, id);
    if (options.dryRun === true) {
      await showRehearsal(app, deletion(id));
      return EXIT.ok;
    }
    if (!app.globals.yes) await app.ui.confirm({ question: whatGoes(database), expected: id });
    return runOperation(app, deletion(id));
  },
};
