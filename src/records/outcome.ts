import type { InstanceDraft } from './planned.ts';
import { IN_PROGRESS, type DatabaseState, type InstanceState, type TaskState } from './states.ts';
import type { DatabaseRecord, InstanceRecord, TaskRecord, Timestamp } from './types.ts';

/** What an operation can end as. `unknown`: a step's outcome is not known, and `task resume` settles it. */
export type OperationOutcome = 'succeeded' | 'failed' | 'canceled' | 'unknown';

/** What the records say after each outcome. */
export const OUTCOMES = {
  succeeded: { task: 'completed', database: 'available' },
  failed: { task: 'failed', database: 'failed' },
  canceled: { task: 'canceled', database: 'failed' },
  unknown: { task: 'unknown', database: 'failed' },
} as const satisfies Record<OperationOutcome, { readonly task: TaskState; readonly database: DatabaseState }>;

/** An operation that did not succeed, and how far it came. */
export interface Failure {
  readonly outcome: Exclude<OperationOutcome, 'succeeded'>;
  /** What happened, as it is shown: `phase 2 failed: create unit shop.n1.host-1: …`. */
  readonly reason: string;
  /** What went wrong with each instance that an event was begun for, by instance id; its resources count for it. */
  readonly reached: ReadonlyMap<string, string>;
}

/** The record of a task that begins now: nothing of it has ended yet. */
export function begunTask(
  task: Pick<TaskRecord, 'task_id' | 'operation' | 'scope' | 'entity_id' | 'databases' | 'who' | 'from'>,
  begun: { readonly at: Timestamp; readonly events: number },
): TaskRecord {
  return {
    ...task,
    state: 'running',
    error: null,
    started_at: begun.at,
    finished_at: null,
    events: { total: begun.events, done: 0, failed: 0, not_reached: 0 },
  };
}

/** What a successful event on an instance makes of its record: `stopped` where it is not wanted to run. */
export function settledState(record: { readonly running: boolean }): InstanceState {
  return record.running ? 'available' : 'stopped';
}

/** The record of an instance whose create or update succeeded, with the port and version it has now. */
export function succeededInstance(
  record: InstanceRecord,
  seen: Partial<InstanceDraft>,
  now: Timestamp,
): InstanceRecord {
  const next = { ...record, ...seen };
  return { ...next, state: settledState(next), error: null, updated_at: now };
}

/** The record of an instance whose event failed. */
export function failedInstance(record: InstanceRecord, error: string, now: Timestamp): InstanceRecord {
  return { ...record, state: 'failed', error, updated_at: now };
}

/** The database's record after its operation. An error is what makes the reader look further, so it is the reason itself. */
export function endedDatabase(
  record: DatabaseRecord,
  end: 'succeeded' | Failure,
  now: Timestamp,
): DatabaseRecord {
  const outcome = end === 'succeeded' ? end : end.outcome;
  const error = end === 'succeeded' ? null : end.reason;
  return { ...record, state: OUTCOMES[outcome].database, error, updated_at: now };
}

export function endedTask(record: TaskRecord, end: 'succeeded' | Failure, now: Timestamp): TaskRecord {
  const outcome = end === 'succeeded' ? end : end.outcome;
  const error = end === 'succeeded' ? null : end.reason;
  return { ...record, state: OUTCOMES[outcome].task, error, finished_at: outcome === 'unknown' ? null : now };
}

/** The record of a run that ended without an outcome, once another went on with its work. */
export function supersededTask(record: TaskRecord, by: string, now: Timestamp): TaskRecord {
  const error = record.error ?? `its run ended without an outcome; task ${by} went on with its work`;
  return { ...record, state: OUTCOMES.failed.task, error, finished_at: now };
}

/**
 * What becomes of the instance records when an operation succeeded: those that are no longer in the spec are
 * removed, and none is left in progress. Each was settled by its own event already; one that was not (its
 * event was planned by a pgctl that ended) is settled here, or it would look interrupted for ever.
 */
export function finalizedInstances(input: {
  readonly records: readonly InstanceRecord[];
  /** Ids of the instances that the spec has now. */
  readonly wanted: ReadonlySet<string>;
  readonly now: Timestamp;
}): { readonly settled: readonly InstanceRecord[]; readonly removed: readonly InstanceRecord[] } {
  const { records, wanted, now } = input;
  const kept = records.filter((record) => wanted.has(record.instance_id));
  return {
    settled: kept
      .filter((record) => IN_PROGRESS[record.state])
      .map((record) => succeededInstance(record, {}, now)),
    removed: records.filter((record) => !wanted.has(record.instance_id)),
  };
}

/**
 * What becomes of them when it did not: each that this operation left in progress is failed, with what went
 * wrong with it, or that it was never reached and why. The others keep their state.
 */
export function failedInstances(input: {
  readonly records: readonly InstanceRecord[];
  /** Ids of the instances that this operation marked. */
  readonly marked: ReadonlySet<string>;
  readonly failure: Failure;
  readonly now: Timestamp;
}): readonly InstanceRecord[] {
  const { failure, now } = input;
  return input.records
    .filter((record) => input.marked.has(record.instance_id) && IN_PROGRESS[record.state])
    .map((record) => {
      const error = failure.reached.get(record.instance_id) ?? `not reached: ${failure.reason}`;
      return failedInstance(record, error, now);
    });
}
