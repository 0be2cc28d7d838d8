import type { EventType } from '../plan/plan.ts';

/** What an instance's record can say, and what each state means to a reader. */
export const INSTANCE_STATES = {
  creating: 'an operation is making it',
  modifying: 'an operation is changing it',
  deleting: 'an operation is removing it',
  backing_up: 'an operation is backing it up',
  available: 'the last operation on it succeeded and it should be running',
  degraded: 'it does not run as wanted; derived when shown, never stored',
  failed: 'the last operation on it failed, see its error',
  stopped: 'it was stopped on request and stays so',
  unknown: 'nothing is known of it now; derived when shown, never stored',
} as const;
export type InstanceState = keyof typeof INSTANCE_STATES;

/** What a database's record can say. */
export const DATABASE_STATES = {
  creating: 'an operation is making it',
  modifying: 'an operation is changing it',
  deleting: 'an operation is removing it',
  restoring: 'an operation is restoring it from a backup',
  available: 'the last operation on it succeeded',
  degraded: 'some instance does not run as wanted, or it has no primary; derived when shown, never stored',
  failed: 'the last operation on it failed, see its error',
} as const;
export type DatabaseState = keyof typeof DATABASE_STATES;

/** What a task's record can say. */
export const TASK_STATES = {
  pending: 'planned, not begun',
  running: 'it runs, or was interrupted where nobody holds its lock',
  canceling: 'it was asked to stop',
  completed: 'done',
  failed: 'it failed; what happened is recorded',
  canceled: 'it stopped because it was asked to',
  unknown: 'the outcome of a step is not known; `pgctl task resume` settles it',
} as const;
export type TaskState = keyof typeof TASK_STATES;

const FINAL: ReadonlySet<TaskState> = new Set(['completed', 'failed', 'canceled']);

/** Whether nothing more happens to a task. */
export const isFinal = (state: TaskState): boolean => FINAL.has(state);

/** States that say an operation is at work; only its own outcome, or the next operation, ends them. */
export const IN_PROGRESS = {
  creating: true,
  modifying: true,
  deleting: true,
  backing_up: true,
  restoring: true,
  available: false,
  degraded: false,
  failed: false,
  stopped: false,
  unknown: false,
} as const satisfies Record<InstanceState | DatabaseState, boolean>;

/**
 * What an event on an instance makes of its record before anything on a host is changed. Where an instance
 * has several events in one operation the strongest counts: a higher `rank` beats a lower one.
 */
export const PLANNED_STATE = {
  delete: { state: 'deleting', rank: 3 },
  create: { state: 'creating', rank: 2 },
  update: { state: 'modifying', rank: 1 },
} as const satisfies Record<EventType, { state: InstanceState; rank: number }>;
