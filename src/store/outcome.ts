import {
  endedDatabase,
  endedTask,
  failedInstances,
  finalizedInstances,
  type Failure,
} from '../records/outcome.ts';
import type { DatabaseRecord, InstanceRecord, TaskRecord, Timestamp } from '../records/types.ts';
import type { Stored } from './codec.ts';
import { databaseCodec } from './databases.ts';
import { instanceCodec } from './instances.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import type { DatabaseLock } from './lock.ts';
import { isOfDatabase, type PortReservation } from './ports.ts';
import { Records } from './records.ts';
import { taskCodec } from './tasks.ts';
import type { Write } from './write.ts';

interface Place {
  readonly kv: Kv;
  readonly keys: Keys;
}

/** The records that an operation ends with, each as it was last read or written. */
export interface EndingWork {
  readonly now: Timestamp;
  readonly database: Stored<DatabaseRecord>;
  readonly task: Stored<TaskRecord>;
  readonly instances: readonly Stored<InstanceRecord>[];
}

export interface EndedWork {
  readonly database: DatabaseRecord;
  readonly task: TaskRecord;
}

/**
 * Ends an operation that succeeded: the database is available, the records of instances that are no longer
 * in its spec are removed with their statuses, guards and reservations, the task is completed, and the lock is
 * given up.
 *
 * @throws PgctlError `lock_lost`, `stale`
 */
export async function finalize(
  place: Place,
  lock: DatabaseLock,
  work: EndingWork & {
    /** Ids of the instances that the spec has now. */
    readonly wanted: ReadonlySet<string>;
    readonly ports: readonly Stored<PortReservation>[];
    /** Further writes that belong to the end, such as of secrets that are no longer used. */
    readonly with: readonly Write[];
  },
): Promise<EndedWork> {
  const { keys } = place;
  const stored = new Map(work.instances.map((each) => [each.value.instance_id, each]));
  const { settled, removed } = finalizedInstances({
    records: work.instances.map(({ value }) => value),
    wanted: work.wanted,
    now: work.now,
  });
  const gone = new Set(removed.map((record) => record.instance_id));
  const writes: Write[] = [
    ...instanceWrites(place, stored, settled),
    ...removed.flatMap((record): Write[] => [
      removal(stored.get(record.instance_id), keys.instance(record.instance_id)),
      { kind: 'delete', key: keys.status(record.instance_id), expect: 'any' },
      { kind: 'delete', key: keys.guard(record.instance_id), expect: 'any' },
    ]),
    ...work.ports.filter(({ value }) => gone.has(value.instance_id)).map((port) => removal(port, port.key)),
    ...work.with,
  ];
  return end(place, lock, work, { end: 'succeeded', writes });
}

/**
 * Ends an operation that did not succeed: the database is failed, and so is each instance that this operation
 * left in progress, with what went wrong or that it was never reached. The others keep their state.
 *
 * @throws PgctlError `lock_lost`, `stale`
 */
export async function fail(
  place: Place,
  lock: DatabaseLock,
  work: EndingWork & {
    /** Ids of the instances that this operation marked. */
    readonly marked: ReadonlySet<string>;
    readonly failure: Failure;
  },
): Promise<EndedWork> {
  const stored = new Map(work.instances.map((each) => [each.value.instance_id, each]));
  const records = failedInstances({ ...work, records: work.instances.map(({ value }) => value) });
  return end(place, lock, work, { end: work.failure, writes: instanceWrites(place, stored, records) });
}

/**
 * Ends a delete that succeeded: everything of the database leaves the store, by prefix, Patroni's keys too;
 * the tasks stay. What is left of a record that nobody knows of goes as well. The database's own record goes
 * in the last transaction, so that a delete that was cut short can be run again, and the lock with it: there is
 * nothing left that it could be the lock of.
 *
 * @throws PgctlError `lock_lost`, `stale`
 */
export async function deleteDatabaseRecords(
  place: Place,
  lock: DatabaseLock,
  work: Pick<EndingWork, 'now' | 'task'> & {
    readonly database: Stored<DatabaseRecord>;
    /** Reservations, of this and of other databases. */
    readonly ports: readonly Stored<PortReservation>[];
  },
): Promise<TaskRecord> {
  const { keys } = place;
  const id = work.database.value.database_id;
  const reserved = work.ports.filter(({ value }) => isOfDatabase(value, id));
  const prefixes = [
    keys.instancesOf(id),
    keys.statusesOf(id),
    keys.resourcesOf(id),
    keys.guardsOf(id),
    keys.secretsOf(id),
    keys.patroniOf(id),
  ];
  const task = endedTask(work.task.value, 'succeeded', work.now);
  await lock.commitAndRelease(
    [
      ...reserved.map((port) => removal(port, port.key)),
      ...prefixes.map((prefix): Write => ({ kind: 'delete_prefix', prefix })),
    ],
    [removal(work.database, work.database.key), taskWrite(place, work.task, task)],
  );
  return task;
}

async function end(
  place: Place,
  lock: DatabaseLock,
  work: EndingWork,
  { end, writes }: { readonly end: 'succeeded' | Failure; readonly writes: readonly Write[] },
): Promise<EndedWork> {
  const database = endedDatabase(work.database.value, end, work.now);
  const task = endedTask(work.task.value, end, work.now);
  const records = new Records(place.kv, databaseCodec(place.keys));
  const last = [
    records.write(database, { modRevision: work.database.modRevision }),
    taskWrite(place, work.task, task),
  ];
  // A failure may be an earlier operation's, written down before the next one under the same lock.
  if (end === 'succeeded') await lock.commitAndRelease(writes, last);
  else await lock.commitChunked(writes, last);
  return { database, task };
}

function taskWrite({ kv, keys }: Place, stored: Stored<TaskRecord>, next: TaskRecord): Write {
  return new Records(kv, taskCodec(keys)).write(next, { modRevision: stored.modRevision });
}

function instanceWrites(
  { kv, keys }: Place,
  stored: ReadonlyMap<string, Stored<InstanceRecord>>,
  records: readonly InstanceRecord[],
): readonly Write[] {
  const instances = new Records(kv, instanceCodec(keys));
  return records.map((record) => {
    const modRevision = stored.get(record.instance_id)?.modRevision;
    return instances.write(record, modRevision === undefined ? 'absent' : { modRevision });
  });
}

function removal(stored: { readonly modRevision: string } | undefined, key: string): Write {
  return { kind: 'delete', key, expect: stored === undefined ? 'any' : { modRevision: stored.modRevision } };
}
