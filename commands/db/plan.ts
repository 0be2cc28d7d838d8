import { EXIT, PgctlError } from '../../src/errors.ts';
import { creation } from '../shared/create-operation.ts';
import { deletion } from '../shared/delete-operation.ts';
import type { CommandModule } from '../shared/command.ts';
import { requireDatabaseDocument } from '../shared/fleet.ts';
import { showRehearsal } from '../shared/operations.ts';
import { addSpecOptions, givenSpec } from '../shared/spec-input.ts';

export const command: CommandModule = {
  configure(command) {
    addSpecOptions(command);
    command
      .option('--delete <database>', 'plan the delete of this database')
      .option('--detailed-exitcode', 'end with 2 where there are changes')
      .addHelpText('after', '\nExamples:\n  pgctl db plan -f shop.yaml\n  pgctl db plan --delete shop');
  },
  async run(app, [id], options) {
    const doomed = options.delete as string | undefined;
    if (doomed !== undefined && (id !== undefined || options.file !== undefined)) {
      throw new PgctlError('usage', '--delete and a spec exclude each other');
    }
    if (doomed !== undefined) await requireDatabaseDocument(app, doomed);
    const request = doomed === undefined ? creation(await givenSpec(app, id, options)) : deletion(doomed);
    const { changes } = await showRehearsal(app, request);
    return changes && options.detailedExitcode === true ? EXIT.changes : EXIT.ok;
  },
};
