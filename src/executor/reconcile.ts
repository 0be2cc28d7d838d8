import { PgctlError, toPgctlError } from '../errors.ts';
import { isFinal } from '../records/states.ts';
import { isOwn, type KeptTask, type KeptWrite } from '../store/kept.ts';
import type { DatabaseLock } from '../store/lock.ts';
import type { Store } from '../store/store.ts';
import type { Reporter } from '../ui/events.ts';
import type { Spool } from './spool.ts';

/** What reconciling works with. */
export interface Reconciling {
  readonly store: Store;
  /** Of the database that it is about. */
  readonly lock: DatabaseLock;
  readonly now: () => Date;
}

/** What became of what was kept. */
type Settled =
  | { readonly kind: 'written' }
  /** Its task is no longer the one that says what the database is. */
  | { readonly kind: 'superseded'; readonly why: string };

/**
 * Writes down what an operation did and could not say, and fails its records: the journal in any case, the rest
 * where nobody changed it since. Only for the database's last task, and only where that has not ended already.
 *
 * @throws PgctlError as the store; what was written stays, and is not written again the next time
 */
export async function settleKept(
  { store, lock, now }: Reconciling,
  kept: Omit<KeptTask, 'format'>,
): Promise<Settled> {
  const { database_id: databaseId, task_id: taskId, end } = kept;
  // Whether etcd answers by now, and the lock is still this one: a commit is not tried for long.
  await lock.commit([]);
  const task = await store.tasks.get(taskId);
  const last = (await store.databases.get(databaseId))?.value.last_task_id ?? null;
  if (task === null) return { kind: 'superseded', why: 'etcd does not know that task' };
  if (last !== taskId)
    return {
      kind: 'superseded',
      why: last === null ? 'the database is gone' : `task ${last} came after it`,
    };
  if (isFinal(task.value.state)) return { kind: 'superseded', why: `that task is ${task.value.state}` };

  const written = new Set((await store.tasks.events(taskId)).items.map(({ value }) => value.seq));
  for (const { seq, writes } of kept.results) {
    if (!written.has(seq)) await writeResult({ lock, store, taskId }, writes);
  }
  const { database, instances } = await store.readDatabase(databaseId);
  if (database === null) return { kind: 'superseded', why: 'the database is gone' };
  await store.fail(lock, {
    now: now().toISOString(),
    database,
    task: { ...task, value: { ...task.value, events: end.events } },
    instances,
    marked: new Set(instances.map(({ value }) => value.instance_id)),
    failure: { outcome: end.outcome, reason: end.reason, reached: new Map(Object.entries(end.reached)) },
  });
  return { kind: 'written' };
}

/** An event's outcome with what it made of the records; without them where they are not as it left them. */
async function writeResult(
  { lock, store, taskId }: { readonly lock: DatabaseLock; readonly store: Store; readonly taskId: string },
  writes: readonly KeptWrite[],
): Promise<void> {
  try {
    await lock.commit(writes);
  } catch (error) {
    if (!(error instanceof PgctlError && error.code === 'stale')) throw error;
    await lock.commit(writes.filter(({ key }) => key.startsWith(store.keys.taskEvents(taskId))));
  }
}

/**
 * Settles what is kept on this machine of earlier operations on the database, before anything is planned from
 * its records. Whatever is wrong with a file is said and stops nothing: the hosts are looked at in any case.
 *
 * @throws PgctlError as the store
 */
export async function reconcile(
  { spool, report, ...rest }: Reconciling & { readonly spool: Spool; readonly report: Reporter },
  storeId: string,
): Promise<void> {
  const warn = (message: string): void => report({ kind: 'warning', message });
  const files = await spool.of(storeId, rest.lock.databaseId).catch((error: unknown) => {
    warn(`what may be kept of earlier operations cannot be read: ${toText(error)}`);
    return [];
  });
  for (const { file, task } of files) {
    if (task === null || !isOwn(task, rest.store.keys)) {
      warn(`${file} does not hold the results of an operation; it is left alone`);
      continue;
    }
    const settled = await settleKept(rest, task);
    if (settled.kind === 'superseded')
      warn(`results of task ${task.task_id} that were kept on this machine are discarded: ${settled.why}`);
    else if (task.results.length > 0)
      warn(`results of task ${task.task_id} that were kept on this machine are written down now`);
    await spool.drop(file).catch((error: unknown) => warn(`${file} cannot be removed: ${toText(error)}`));
  }
}

const toText = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : toPgctlError(thrown).message;
