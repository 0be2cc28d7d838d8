import { EXIT, PgctlError } from '../../src/errors.ts';
import type { OperationRequest } from '../../src/executor/request.ts';
import type { TaskRecord } from '../../src/records/types.ts';
import { requireDatabase } from '../../src/store/snapshot.ts';
import { showTaskResult } from '../../src/ui/views.ts';
import type { App } from '../shared/app.ts';
import type { CommandModule } from '../shared/command.ts';
import { deletion } from '../shared/delete-operation.ts';
import { specOf } from '../shared/instance-operation.ts';
import { requireTask } from '../shared/lookup.ts';
import { runOperation } from '../shared/operations.ts';
import { recoverHosts } from '../shared/recover-hosts.ts';
import { intentionFor, recordsOf } from '../shared/spec-operation.ts';
import { taskDocument } from '../shared/task-document.ts';
import { runsOf } from '../shared/task-runs.ts';

/** How far back the recovery that a database's task belongs to is looked for. */
const RECENT_TASKS = 500;

/**
 * Going on with what the records say was wanted: the spec, and what is wanted of each instance, were written
 * down before anything was begun.
 */
function resumption(task: TaskRecord, databaseId: string): OperationRequest {
  if (task.operation === 'delete') return deletion(databaseId);
  return {
    operation: task.operation,
    databaseId,
    command: `task resume ${task.task_id}`,
    decide(view, tools) {
      const { spec } = requireDatabase(view.snapshot).value;
      return intentionFor({ view, tools, input: specOf(databaseId, spec), records: recordsOf(view) });
    },
  };
}

/** The hosts that a recovery was about; it went on for one database in a task of its own. */
async function lostHostsOf(app: App, task: TaskRecord): Promise<string[]> {
  if (task.scope === 'host') return task.entity_id.split(',');
  const { items } = await (await app.store()).tasks.list(RECENT_TASKS);
  const parent = items.find(
    ({ value }) =>
      value.scope === 'host' && value.operation === 'recover' && value.databases.includes(task.entity_id),
  );
  if (parent !== undefined) return parent.value.entity_id.split(',');
  throw new PgctlError('not_found', `the recovery that ${task.task_id} belongs to is no longer kept`, {
    hint: 'Name the lost hosts again: `pgctl recover --remove-host <host>`.',
  });
}

/** @throws PgctlError `lock_held` while it runs; `stale` where another task came after it */
async function assertResumable(app: App, task: TaskRecord): Promise<void> {
  const store = await app.store();
  const { task_id: id, entity_id: entity } = task;
  if (runsOf(task, await store.locks()).length > 0) {
    throw new PgctlError('lock_held', `task ${id} is still at work`, {
      hint: `See what it does: \`pgctl task logs ${id} --follow\`; stop it: \`pgctl task cancel ${id}\`.`,
      taskId: id,
    });
  }
  if (task.scope === 'host') return;
  const database = (await store.databases.get(entity))?.value;
  if (database === undefined) {
    throw new PgctlError('not_found', `there is no database ${entity} any more, so nothing of ${id} is left`);
  }
  if (database.last_task_id === id) return;
  const later = database.last_task_id ?? '';
  throw new PgctlError('stale', `task ${id} is not the last one of ${entity}: ${later} came after it`, {
    hint: `What ${entity} is to be was decided anew since. Look at \`pgctl task get ${later}\`.`,
  });
}

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<task>', 'id of the task')
      .option('--force', 'of a recovery: also where the host still answers')
      .option('--allow-data-loss', 'of a recovery: also where the last copy of a database is on the host')
      .addHelpText('after', '\nExample:\n  pgctl task resume 20260102-030405678-abc123'),
  async run(app, [id = ''], options) {
    const { value: task } = await requireTask(await app.store(), id);
    if (task.state === 'completed') {
      app.ui.result({ kind: 'TaskResult', changed: false, task: taskDocument(task) }, showTaskResult);
      return EXIT.ok;
    }
    await assertResumable(app, task);
    if (task.operation === 'recover') {
      return recoverHosts(app, await lostHostsOf(app, task), {
        force: options.force === true,
        allowDataLoss: options.allowDataLoss === true,
      });
    }
    return runOperation(app, resumption(task, task.entity_id));
  },
};
