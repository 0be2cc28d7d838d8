import { isFinal } from '../../src/records/states.ts';
import { endedTask } from '../../src/records/outcome.ts';
import type { LockRecord, TaskRecord } from '../../src/records/types.ts';
import type { Store } from '../../src/store/store.ts';
import type { App } from './app.ts';

/** Who holds the locks of databases, by database id. */
export type Locks = ReadonlyMap<string, LockRecord>;

/**
 * Ids of the tasks whose runs are at work for a task, as the locks say: its own, or, where it is of no one
 * database, those of its databases. None where nobody works on it any more.
 */
export function runsOf(task: TaskRecord, locks: Locks): string[] {
  const held = task.databases.flatMap((database) => locks.get(database) ?? []);
  return held
    .filter(({ task_id, command }) =>
      task.scope === 'host' ? command.split(' ', 1)[0] === task.operation : task_id === task.task_id,
    )
    .map(({ task_id }) => task_id);
}

/** Whether a task's run ended without saying how. */
export function isInterrupted(task: TaskRecord, locks: Locks): boolean {
  return (task.state === 'running' || task.state === 'canceling') && runsOf(task, locks).length === 0;
}

/**
 * Ends a task whose run is no more: it is canceled, and what it left in progress is failed. Takes the locks of
 * its database, and refuses where somebody works on it.
 *
 * @throws PgctlError `lock_held`
 */
export async function settleCanceled(app: App, task: TaskRecord): Promise<void> {
  const store = await app.store();
  const reason = `canceled by ${app.who()}; its run had ended without an outcome`;
  const [databaseId] = task.databases;
  if (task.scope === 'host' || databaseId === undefined) {
    const stored = await store.tasks.get(task.task_id);
    if (stored === null || isFinal(stored.value.state)) return;
    await store.tasks.put(canceled(stored.value, reason, app.now()), { modRevision: stored.modRevision });
    return;
  }
  const lock = await store.acquireLock(
    databaseId,
    {
      who: app.who(),
      from: app.origin(),
      command: `task cancel ${task.task_id}`,
      task_id: task.task_id,
      since: app.now(),
    },
    { waitMs: app.globals.lockTimeoutMs },
  );
  try {
    const stored = await store.tasks.get(task.task_id);
    if (stored === null || isFinal(stored.value.state)) return;
    const { database, instances } = await store.readDatabase(databaseId);
    if (database?.value.last_task_id !== task.task_id) {
      await lock.commit([
        store.tasks.write(canceled(stored.value, reason, app.now()), { modRevision: stored.modRevision }),
      ]);
      return;
    }
    await store.fail(lock, {
      now: app.now(),
      database,
      task: stored,
      instances,
      marked: new Set(instances.map(({ value }) => value.instance_id)),
      failure: { outcome: 'canceled', reason, reached: new Map() },
    });
  } finally {
    await lock.release();
  }
}

const canceled = (task: TaskRecord, reason: string, now: string): TaskRecord =>
  endedTask(task, { outcome: 'canceled', reason, reached: new Map() }, now);

/** A task's record as it is now; as it was where it is gone. */
export async function reread(store: Store, task: TaskRecord): Promise<TaskRecord> {
  return (await store.tasks.get(task.task_id))?.value ?? task;
}
