import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { PgctlError, toPgctlError } from '../errors.ts';
import { canonicalJson } from '../json.ts';
import { migrate } from '../plan/migrate.ts';
import type { Plan } from '../plan/plan.ts';
import { planOperation } from '../plan/plan-operation.ts';
import { applyRefresh } from '../plan/refresh.ts';
import { type Resource, resourceKey, type ResourceKey, type StoredResource } from '../plan/resource.ts';
import type { PlanDocument } from '../plan/summary.ts';
import type { RunOrigin, TaskRecord } from '../records/types.ts';
import type { EtcdTls } from '../resources/etcd-tls.ts';
import { MIGRATIONS } from '../resources/registry.ts';
import type { DatabaseLock } from '../store/lock.ts';
import { refuseCorrupt, refuseCorruptHosts } from '../store/snapshot.ts';
import type { Store } from '../store/store.ts';
import type { Transport } from '../transport/transport.ts';
import type { Reporter } from '../ui/events.ts';
import { checkPlans } from './checks.ts';
import { decisionDocument } from './decision.ts';
import type { Intention, View } from './intention.ts';
import { isInert, type Surroundings } from './lifecycle.ts';
import { OperationJournal } from './operation-journal.ts';
import { refreshResources } from './refresh.ts';
import { countEvents, runPlans, type RunOutcome } from './run-plans.ts';
import { watchForCancel } from './cancellation.ts';
import { overtaken } from './overtaken.ts';
import { reconcile } from './reconcile.ts';
import { type Interruption, isSignal, listenForSignals, unlessAborted } from './signals.ts';
import type { Spool } from './spool.ts';
import { changeStore, deposeHosts } from './store-steps.ts';

export interface OperationRequest {
  /** Such as `create`. */
  readonly operation: string;
  readonly databaseId: string;
  /** The command line without secrets, for the lock's holder. */
  readonly command: string;
  /** Says what is wanted. Throws where it cannot be; reads at most, and changes nothing. */
  readonly decide: (view: View, tools: OperationTools) => Promise<Intention> | Intention;
  /** Looks at the plan before anything is marked. Throws where it is not to be carried out. */
  readonly approve?: (plan: PlanDocument) => void;
}

/** Everything an operation works with. */
export interface OperationTools {
  readonly store: Store;
  readonly transport: Transport;
  /** etcd as pgctl reaches it; hosts use it unless they were given others. */
  readonly endpoints: readonly string[];
  /** What hosts reach an etcd over TLS with. */
  readonly hostTls: EtcdTls;
  readonly report: Reporter;
  readonly now: () => Date;
  readonly who: string;
  readonly origin: RunOrigin;
  readonly lockWaitMs: number;
  /** Of one event on a host. */
  readonly limitMs: number | null;
  /** Where results are kept that etcd does not take. */
  readonly spool: Spool;
  /** Ends what only reads. */
  readonly signal?: AbortSignal;
}

export type OperationResult =
  /** Nothing was to be done. */
  | { readonly kind: 'unchanged' }
  | {
      readonly kind: 'completed';
      readonly task: TaskRecord;
      /** The signal that came when there was nothing left to stop; null for none. */
      readonly tooLate: PgctlError | null;
    };

/** What is planned, before anything is marked. */
interface Planned {
  readonly view: View;
  readonly intention: Intention;
  readonly plans: readonly Plan[];
  readonly around: Surroundings & { readonly state: Map<ResourceKey, StoredResource> };
  /** Resources to store anew when all is done, without an event of their own. */
  readonly restated: readonly StoredResource[];
  /** Resources on lost hosts, which leave the state without an event. */
  readonly abandoned: readonly StoredResource[];
}

async function readView(store: Store, databaseId: string): Promise<View> {
  const snapshot = await store.readDatabase(databaseId);
  refuseCorrupt(snapshot);
  refuseCorruptHosts(
    snapshot,
    snapshot.instances.map(({ value }) => value.host_id),
  );
  return {
    snapshot,
    hosts: new Map([...snapshot.hosts].map(([id, { value }]) => [id, value])),
    secrets: await store.openSecrets(snapshot),
  };
}

/** Newest tasks that are kept, with their plans and journals; unfinished ones always are. */
const TASKS_KEPT = 500;

/** A failover takes as long as the leader's lease (30 s) and a little more; a new cluster's first leader less. */
const LEADER_PATIENCE_MS = 45_000;
const LEADER_POLL_MS = 200;

/**
 * Host id of the node's primary as Patroni says: its members are named after their hosts. Between two leaders
 * it waits for the next, and so it does for one of a lost host. Null where none came.
 */
async function leaderOf(store: Store, scope: string, lostHosts: ReadonlySet<string>): Promise<string | null> {
  const [database = '', node = ''] = scope.split('.');
  const end = performance.now() + LEADER_PATIENCE_MS;
  for (;;) {
    const leader = (await store.patroni.get(database, node))?.leader ?? null;
    if (leader !== null && !lostHosts.has(leader)) return leader;
    if (performance.now() > end) return null;
    await delay(LEADER_POLL_MS);
  }
}

/** Refreshes, plans and checks. Only reads. */
async function plan(tools: OperationTools, request: OperationRequest): Promise<Planned> {
  const { store, transport, report } = tools;
  const view = await readView(store, request.databaseId);
  const intention = await request.decide(view, tools);
  const stored = view.snapshot.resources.map(({ value }) => migrate(value, MIGRATIONS));
  const state = new Map<ResourceKey, StoredResource>(
    stored.map((resource) => [resourceKey(resource), resource]),
  );
  const { lostHosts = new Set<string>(), force = false } = intention;
  const around = {
    hosts: view.hosts,
    secrets: new Map([...view.secrets, ...intention.secrets]),
    state,
    primaryOf: (scope: string) => leaderOf(store, scope, lostHosts),
  };
  if (state.size > 0) report({ kind: 'stage', name: 'refresh', entity: request.databaseId });
  const refreshed = applyRefresh(
    stored,
    await refreshResources({ transport, around, bounds: tools }, lostHosts),
  );
  for (const resource of refreshed.state) state.set(resourceKey(resource), resource);
  const { plans, restated, abandoned } = planOperation({
    current: refreshed.state,
    desired: intention.desired,
    lostHosts,
    force,
  });
  const planned: Planned = { view, intention, plans, around, restated, abandoned };
  request.approve?.(decisionDocument(request, planned));
  assertPrimaries(plans, intention.desired.at(-1) ?? []);
  if (plans.length > 0) report({ kind: 'stage', name: 'check', entity: request.databaseId });
  await checkPlans(
    { transport, around, bounds: tools },
    { plans, primaries: view.snapshot.patroni, unreachableHosts: refreshed.unreachableHosts },
  );
  return planned;
}

/**
 * Refuses what would have to be done inside a Postgres none of whose instances is to run.
 *
 * @throws PgctlError `usage`
 */
function assertPrimaries(plans: readonly Plan[], desired: readonly Resource[]): void {
  const stopped = desired.filter(
    ({ type, attributes }) => type === 'node' && (attributes['members'] as readonly string[]).length === 0,
  );
  for (const node of stopped) {
    const event = plans
      .flat(2)
      .find(
        (e) =>
          e.resource.executor.kind === 'primary' &&
          e.resource.contained_in === resourceKey(node) &&
          !isInert(e),
      );
    if (event === undefined) continue;
    throw new PgctlError(
      'usage',
      `${resourceKey(event.resource)} cannot be changed while every instance of ${node.id} is stopped`,
      { hint: `Start one first: \`pgctl instance start <instance>\`; \`pgctl instance list\` names them.` },
    );
  }
}

/** Whether an operation has anything to do or to write down. */
function changesAnything({ plans, intention, abandoned, view: { snapshot } }: Planned): boolean {
  const before = snapshot.database?.value;
  if (plans.length > 0 || abandoned.length > 0 || intention.secrets.size > 0) return true;
  if (before?.state !== 'available' || intention.database.state === 'deleting') return true;
  if (canonicalJson(before.spec) !== canonicalJson(intention.database.spec)) return true;
  const records = new Map(snapshot.instances.map(({ value }) => [value.instance_id, value]));
  return (
    records.size !== intention.instances.length ||
    intention.instances.some(({ instance_id, running, restart_requested, port, patroni_port }) => {
      const record = records.get(instance_id);
      return (
        record?.running !== running ||
        record.restart_requested !== restart_requested ||
        record.port !== port ||
        record.patroni_port !== patroni_port ||
        !['available', 'stopped'].includes(record.state)
      );
    })
  );
}

/** What an operation would do; touches nothing and takes no lock. */
export async function rehearse(tools: OperationTools, request: OperationRequest): Promise<PlanDocument> {
  return decisionDocument(request, await plan(tools, request));
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
  const planned = await unlessAborted(stop, plan({ ...tools, signal: stop }, request));
  const { intention, plans } = planned;
  if (!changesAnything(planned)) return { kind: 'unchanged' };

  report({ kind: 'stage', name: 'mark', entity: request.databaseId });
  interruption.begin(taskId);
  const journal = await OperationJournal.mark({
    store,
    lock,
    sealingKey: key,
    task: {
      task_id: taskId,
      operation: request.operation,
      scope: 'database',
      entity_id: request.databaseId,
      databases: [request.databaseId],
      state: 'running',
      error: null,
      who: tools.who,
      from: tools.origin,
      started_at: started.toISOString(),
      finished_at: null,
      events: { total: countEvents(plans), done: 0, failed: 0, not_reached: 0 },
    },
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
        overtaken: (refused) => overtaken(store, meta.store_id, refused),
        changeStore: (step) => changeStore({ store, lock }, step),
      },
      plans,
    );
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
