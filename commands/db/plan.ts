import { EXIT, PgctlError } from '../../src/errors.ts';
import { specOperation } from '../shared/spec-operation.ts';
import { deletion } from '../shared/delete-operation.ts';
import type { CommandModule } from '../shared/command.ts';
import { readDatabases, requireDatabaseDocument } from '../shared/fleet.ts';
import type { OperationRequest } from '../../src/executor/operation.ts';
import type { App } from '../shared/app.ts';
import { showRehearsal } from '../shared/operations.ts';
import { addSpecOptions, givenSpec, type SpecFlags } from '../shared/spec-input.ts';

/** What applying the spec would be: a create or an update. */
async function applying(app: App, id: string | undefined, flags: SpecFlags): Promise<OperationRequest> {
  const given = await givenSpec(app, id, flags);
  const there = (await readDatabases(app)).some((database) => database.id === given.spec.id);
  return { ...specOperation(given, { mode: 'apply' }), operation: there ? 'update' : 'create' };
}

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
    const request = doomed === undefined ? await applying(app, id, options) : deletion(doomed);
    const { changes } = await showRehearsal(app, request);
    return changes && options.detailedExitcode === true ? EXIT.changes : EXIT.ok;
  },
};
