import { EXIT, PgctlError } from '../../src/errors.ts';
import { specOperation } from '../shared/spec-operation.ts';
import { deletion } from '../shared/delete-operation.ts';
import type { CommandModule } from '../shared/command.ts';
import { readDatabases, requireDatabaseDocument } from '../shared/fleet.ts';
import type { OperationRequest } from '../../src/executor/request.ts';
import type { App } from '../shared/app.ts';
import { showRehearsal } from '../shared/operations.ts';
import { addSpecOptions, givenSpec, type GivenSpec } from '../shared/spec-input.ts';

/** What applying the spec would be: a create or an update. */
async function applying(app: App, given: GivenSpec): Promise<OperationRequest> {
  const there = (await readDatabases(app)).some((database) => database.id === given.spec.id);
  return { ...specOperation(given, { mode: 'apply' }), operation: there ? 'update' : 'create' };
}

type Changes = Awaited<ReturnType<typeof showRehearsal>>;

async function planSpec(app: App, given: GivenSpec, out: string | undefined): Promise<Changes> {
  const request = await applying(app, given);
  if (out === undefined) return showRehearsal(app, request);
  const { savable } = await import('../shared/saved-plan.ts');
  const { request: watched, save } = savable(app, given, request);
  return showRehearsal(app, watched, (plan) => save(out, plan));
}

async function planDelete(app: App, id: string): Promise<Changes> {
  await requireDatabaseDocument(app, id);
  return showRehearsal(app, deletion(id));
}

export const command: CommandModule = {
  configure(command) {
    addSpecOptions(command);
    command
      .option('--delete <database>', 'plan the delete of this database')
      .option('--out <file>', 'save the plan, for `pgctl db apply <file>`')
      .option('--detailed-exitcode', 'end with 2 where there are changes')
      .addHelpText(
        'after',
        '\nExamples:\n  pgctl db plan -f shop.yaml\n  pgctl db plan -f shop.yaml --out plan.json\n  pgctl db plan --delete shop',
      );
  },
  async run(app, [id], options) {
    const doomed = options.delete as string | undefined;
    if (doomed !== undefined && (id !== undefined || options.file !== undefined)) {
      throw new PgctlError('usage', '--delete and a spec exclude each other');
    }
    const out = options.out as string | undefined;
    if (out !== undefined && doomed !== undefined) {
      throw new PgctlError('usage', '--out and --delete exclude each other', {
        hint: 'A delete asks before it begins, and is not applied from a file.',
      });
    }
    const { changes } =
      doomed === undefined
        ? await planSpec(app, await givenSpec(app, id, options), out)
        : await planDelete(app, doomed);
    return changes && options.detailedExitcode === true ? EXIT.changes : EXIT.ok;
  },
};
