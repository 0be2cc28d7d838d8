import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { PgctlError, toPgctlError } from '../errors.ts';
import type { PlanDocument } from '../plan/summary.ts';
import { begunTask } from '../records/outcome.ts';
import type { TaskRecord } from '../records/types.ts';
import type { DatabaseLock } from '../store/lock.ts';
import { decisionDocument } from './decision.ts';
import { OperationJournal } from './operation-journal.ts';
import { changesAnything, planWork } from './planning.ts';
import type { OperationRequest, OperationTools } from './request.ts';
import { countEvents, runPlans, type RunOutcome } from './run-plans.ts';
import { watchForCancel } from './cancellation.ts';
import { overtaken } from './overtaken.ts';
import { reconcile } from './reconcile.ts';
import { type Interruption, isSignal, listenForSignals, unlessAborted } from './signals.ts';
import { changeStore, deposeHosts } from './store-steps.ts';
import { untilTold } from './told.ts';

export type OperationResult =
  /** Nothing was to be done. */
  | { readonly kind: 'unchanged' }
  | {
      readonly kind: 'completed';
      readonly task: TaskRecord;
      /** The signal that came when there was nothing left to stop; null for none. */
      readonly tooLate: PgctlError | null;
    };

/** Newest tasks that are kept, with their plans and journals; unfinished ones always are. */
const TASKS_KEPT = 500;

/** What an operation would do; touches nothing and takes no lock. */
export async function rehearse(tools: OperationTools, request: OperationRequest): Promise<PlanDocument> {
  return decisionDocument(request, await planWork(tools, request));
}

/** What an operation takes its time from, and what stops it. */
interface Bounds {
  readonly taskId: string;
  readonly started: Date;
  readonly interruption: Interruption;
}

/**
 * Runs one operation on one database: takes its lock, refreshes, plans and checks, marks the planned work in
 * etcd, runs the plans, and finalizes the records or fails them. Throws what went wrong, with the task's id
 * once there is one. A signal before anything is marked ends it at once.
 */
export async function operate(tools: OperationTools, request: OperationRequest): Promise<OperationResult> {
  const { store, report } = tools;
  const interruption = listenForSignals({ say: (message) => report({ kind: 'warning', message }) });
  const { stop } = interruption;
  const started = tools.now();
  const taskId = store.newTaskId(started, randomBytes(8));
  try {
    await unlessAborted(stop, store.prepareToChange());
    const taking = store.acquireLock(
      request.databaseId,
      {
        who: tools.who,
        from: tools.origin,
        command: request.command,
        task_id: taskId,
        since: started.toISOString(),
      },
      { waitMs: tools.lockWaitMs, signal: stop },
    );
    const lock = await unlessAborted(stop, taking).catch((error: unknown) => {
      // One that comes too late is given back.
      taking.then(
        (late) => late.release(),
        () => undefined,
      );
      throw error;
    });
    const undoDeadline = lock.onDeadline(() => interruption.killNow(silence(request.databaseId)));
    try {
      return await underLock(tools, request, lock, { taskId, started, interruption });
    } finally {
      undoDeadline();
      await lock.release();
    }
  } finally {
    interruption.dispose();
  }
}

/** That etcd was silent for too long: whether the lock is lost with it, nobody knows yet. */
function silence(databaseId: string): PgctlError {
  return new PgctlError(
    'etcd_unreachable',
    `etcd did not answer in time, so the lock on database ${databaseId} could not be kept; what ran was ended`,
    { hint: 'When etcd answers again, run the same command again.' },
  );
}

async function underLock(
  tools: OperationTools,
  request: OperationRequest,
  lock: DatabaseLock,
  { taskId, started, interruption }: Bounds,
): Promise<OperationResult> {
  const { store, report, spool, now } = tools;
  const { stop } = interruption;
  const { meta, key } = await store.prepareToChange();
  await reconcile({ store, lock, now, spool, report }, meta.store_id);
  const planned = await unlessAborted(stop, planWork({ ...tools, signal: stop }, request));
  const { intention, plans } = planned;
  if (!changesAnything(planned)) return { kind: 'unchanged' };

  report({ kind: 'stage', name: 'mark', entity: request.databaseId });
  interruption.begin(taskId);
  const journal = await OperationJournal.mark({
    store,
    lock,
    sealingKey: key,
    task: begunTask(
      {
        ...{ task_id: taskId, operation: request.operation, who: tools.who, from: tools.origin },
        ...{ scope: 'database', entity_id: request.databaseId, databases: [request.databaseId] },
      },
      { at: started.toISOString(), events: countEvents(plans) },
    ),
    snapshot: planned.view.snapshot,
    intention,
    plans,
    abandoned: planned.abandoned,
    now,
    spool,
    storeId: meta.store_id,
    report,
  });
  const since = performance.now();
  const named = { operation: request.operation, entity: request.databaseId, taskId };
  const finished = (outcome: RunOutcome['kind']): void =>
    report({ kind: 'operation_finished', ...named, outcome, durationMs: performance.now() - since });
  report({
    kind: 'operation_started',
    ...named,
    phases: plans.reduce((sum, { length }) => sum + length, 0),
    events: countEvents(plans),
  });
  let outcome: RunOutcome;
  let said: Promise<void> = Promise.resolve();
  const unwatch = watchForCancel(store, taskId, (reason) => {
    report({
      kind: 'warning',
      message: `${reason.message}; starting nothing more and waiting for what runs`,
    });
    interruption.stopFor(reason);
    // What it says matters less than that it stops; its end is written in any case.
    said = journal.canceling().catch(() => undefined);
  });
  try {
    await deposeHosts({ store, lock, snapshot: planned.view.snapshot }, intention.lostHosts ?? new Set());
    outcome = await runPlans(
      {
        transport: tools.transport,
        around: planned.around,
        fence: { storeId: meta.store_id, databaseId: request.databaseId, token: lock.token },
        journal,
        report,
        limitMs: tools.limitMs,
        stop,
        kill: interruption.kill,
        assertMayStart: () => lock.assertHeld(),
        overtaken: (refused) => overtaken(store, meta.store_id, refused),
        changeStore: (step) => changeStore({ store, lock }, step),
      },
      plans,
    );
    // Whoever is told to stop by then is done all the same.
    if (outcome.kind === 'completed')
      await unlessAborted(stop, untilTold(store, plans)).catch((error: unknown) => {
        if (!stop.aborted) throw error;
      });
  } catch (thrown) {
    await said;
    throw await journal.interrupted(toPgctlError(thrown));
  } finally {
    unwatch();
  }
  await said;
  if (outcome.kind !== 'completed') {
    const error = await journal.fail(outcome, stop.aborted ? toPgctlError(stop.reason) : null);
    finished(outcome.kind);
    throw error;
  }
  report({ kind: 'stage', name: 'finalize', entity: request.databaseId });
  const task = await journal.finalize({ restated: planned.restated });
  // Best effort: what is kept too long harms nobody, and the next operation tries again.
  await store.tasks.trim(TASKS_KEPT).catch(() => undefined);
  finished(outcome.kind);
  return { kind: 'completed', task, tooLate: isSignal(stop.reason) ? stop.reason : null };
}
