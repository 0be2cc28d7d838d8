import type { Plan } from '../plan/plan.ts';
import {
  hasInstanceEvent,
  plannedInstanceRecords,
  plannedInstanceStates,
  type InstanceDraft,
} from '../records/planned.ts';
import type { DatabaseRecord, InstanceRecord, TaskRecord, Timestamp } from '../records/types.ts';
import type { Stored } from './codec.ts';
import { databaseCodec } from './databases.ts';
import { instanceCodec } from './instances.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import type { DatabaseLock } from './lock.ts';
import { Records } from './records.ts';
import { taskCodec } from './tasks.ts';
import { unchanged, type Expect, type Write } from './write.ts';

/** The resource type whose events are events of instances. */
export const INSTANCE_TYPE = 'instance';

/** A record that is to be written, and what is there now. */
export interface Replacement<T> {
  readonly next: T;
  /** As it was read; null for none. */
  readonly current: Stored<T> | null;
}

/** What is planned, and all that is to be known of it before anything on a host is changed. */
export interface PlannedWork {
  /** All plans of the operation, not the next one only. */
  readonly plans: readonly Plan[];
  /** Of all records that are written here. */
  readonly now: Timestamp;
  readonly database: Replacement<DatabaseRecord>;
  readonly task: Replacement<TaskRecord>;
  /** The database's instance records as they were read. */
  readonly instances: readonly Stored<InstanceRecord>[];
  /** What the planner says of instances that are to be made or changed. */
  readonly drafts: readonly InstanceDraft[];
  /** Ids of instances on lost hosts, which leave without an event. */
  readonly abandoned?: readonly string[];
  /** What has to be there with them: reservations, secrets, guards, the plan, checks of hosts. */
  readonly with: readonly Write[];
}

/** The records as they are now, for the writes that follow. */
export interface MarkedWork {
  readonly database: Stored<DatabaseRecord>;
  readonly task: Stored<TaskRecord>;
  /** All of the database's instances, by id; those that were marked and the others. */
  readonly instances: ReadonlyMap<string, Stored<InstanceRecord>>;
  /** Ids of those that were marked. */
  readonly marked: ReadonlySet<string>;
}

/**
 * Marks what is planned, before the first child that changes anything on a host: the database's own state,
 * the task and every instance record that the plans touch, in one transaction. Where that is more than etcd
 * takes at once, in several, which count only when the task's record, written last, says so.
 *
 * @throws PgctlError `port_taken`, `stale`, `lock_lost`; nothing is left behind then
 */
export async function updatePlannedInstanceStates(
  store: { readonly kv: Kv; readonly keys: Keys },
  lock: DatabaseLock,
  work: PlannedWork,
): Promise<MarkedWork> {
  const { kv, keys } = store;
  const instances = new Records(kv, instanceCodec(keys));
  const current = new Map(work.instances.map((stored) => [stored.value.instance_id, stored]));
  const { abandoned = [] } = work;
  const records =
    hasInstanceEvent(work.plans, INSTANCE_TYPE) || abandoned.length > 0
      ? plannedInstanceRecords({
          states: plannedInstanceStates(work.plans, INSTANCE_TYPE, abandoned),
          current: work.instances.map(({ value }) => value),
          drafts: work.drafts,
          now: work.now,
        })
      : [];
  const writes = records.map((record) => instances.write(record, unchanged(current.get(record.instance_id))));
  const last = [
    new Records(kv, databaseCodec(keys)).write(work.database.next, unchanged(work.database.current)),
    new Records(kv, taskCodec(keys)).write(work.task.next, unchangedTask(work.task)),
  ];
  const revisions = await lock.commitMany({ contested: work.with, own: writes, last });
  const stored = <T>(key: string, value: T): Stored<T> => ({
    key,
    value,
    modRevision: revisions.get(key) ?? '0',
  });
  const after = new Map(current);
  for (const [index, record] of records.entries()) {
    const key = writes[index]?.key ?? keys.instance(record.instance_id);
    after.set(record.instance_id, stored(key, record));
  }
  return {
    database: stored(keys.database(work.database.next.database_id), work.database.next),
    task: stored(keys.task(work.task.next.task_id), work.task.next),
    instances: after,
    marked: new Set(records.map((record) => record.instance_id)),
  };
}

function unchangedTask(task: Replacement<TaskRecord>): Expect {
  return unchanged(task.current);
}
