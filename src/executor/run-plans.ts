import { performance } from 'node:perf_hooks';
import { type PgctlError, toPgctlError } from '../errors.ts';
import { applyOutcome, owedUpdates, type ResourceWrite } from '../plan/apply.ts';
import type { EventOutcome, Phase, Plan, PlanEvent } from '../plan/plan.ts';
import { resourceKey, type ResourceKey, type StoredResource } from '../plan/resource.ts';
import { typeOf } from '../resources/registry.ts';
import type { InstanceObservation } from '../resources/type.ts';
import { isStoreStep, type HostStep, type StepOutput, type StoreStep } from '../steps/step.ts';
import type { Transport } from '../transport/transport.ts';
import type { EventIdentity, Reporter } from '../ui/events.ts';
import { actionOf, contextAt, isInert, placeOf, stepsOf, type Surroundings } from './lifecycle.ts';
import { type OperationFence, runOnHost, type StepsResult } from './on-host.ts';
import type { Refused } from './overtaken.ts';
import { isSignal, unlessAborted } from './signals.ts';

/** An event with its place in the operation: plan and phase count from 1. */
export interface PlacedEvent {
  readonly plan: number;
  readonly phase: number;
  readonly event: PlanEvent;
}

/** Everything about an event that has ended. */
export interface EndedEvent extends PlacedEvent {
  readonly outcome: EventOutcome;
  readonly hostId: string | null;
  readonly durationMs: number;
  /** What is to be stored of the resource; null for nothing. */
  readonly write: ResourceWrite | null;
  /** What an instance's create or update saw. */
  readonly observation: InstanceObservation | null;
}

/** Where a run writes what it does, as it does it. Each call ends when it is written. */
export interface Journal {
  /** Before a phase begins: what is about to be done. Throws where nothing may be started any more. */
  intend(events: readonly PlacedEvent[]): Promise<void>;
  /** Before a plan begins: resources that would lose an update if the operation ended after what causes it. */
  owe(resources: readonly StoredResource[]): Promise<void>;
  /** After each event. */
  record(ended: EndedEvent): Promise<void>;
}

export interface PlansRun {
  readonly transport: Transport;
  /** Its state is brought up to date as events end. */
  readonly around: Surroundings & { readonly state: Map<ResourceKey, StoredResource> };
  readonly fence: OperationFence;
  readonly journal: Journal;
  readonly report: Reporter;
  readonly limitMs: number | null;
  /** No phase begins after it. */
  readonly stop: AbortSignal;
  /** Ends what runs. */
  readonly kill: AbortSignal;
  /** Throws where nothing may be started any more. */
  assertMayStart(): void;
  /** What it means that a host refused a step. */
  overtaken(refused: Refused): Promise<PgctlError>;
  /** Carries out a step that changes etcd. */
  changeStore(step: StoreStep): Promise<void>;
}

/** How a run of all plans came out. */
export type RunOutcome =
  | { readonly kind: 'completed' }
  | {
      readonly kind: 'failed' | 'unknown';
      readonly plan: number;
      readonly phase: number;
      readonly ended: readonly EndedEvent[];
    };

/**
 * Runs the plans, phase by phase. All events of a phase run to their end; if any did not succeed, the phases
 * after it do not run. Each outcome is written as it happens.
 */
export async function runPlans(given: PlansRun, plans: readonly Plan[]): Promise<RunOutcome> {
  const run = {
    ...given,
    around: { ...given.around, leaving: keysOf(plans, 'delete'), coming: keysOf(plans, 'create') },
  };
  const total = plans.reduce((sum, plan) => sum + plan.length, 0);
  let number = 0;
  for (const [p, plan] of plans.entries()) {
    const owed = owedUpdates(run.around.state, plans.slice(p));
    for (const resource of owed) run.around.state.set(resourceKey(resource), resource);
    if (owed.length > 0) await run.journal.owe(owed);
    for (const [f, phase] of plan.entries()) {
      number++;
      const events = phase.map((event) => ({ plan: p + 1, phase: f + 1, event }));
      const ended = await runPhase(run, events, { number, of: total });
      const bad = ended.filter(({ outcome }) => outcome.kind !== 'ok');
      if (bad.length > 0) {
        const kind = bad.some(({ outcome }) => outcome.kind === 'unknown') ? 'unknown' : 'failed';
        return { kind, plan: p + 1, phase: f + 1, ended: bad };
      }
    }
  }
  return { kind: 'completed' };
}

/** What the plans delete, or create. */
function keysOf(plans: readonly Plan[], what: PlanEvent['type']): ReadonlySet<ResourceKey> {
  const events = plans.flat(2).filter(({ type }) => type === what);
  return new Set(events.map(({ resource }) => resourceKey(resource)));
}

async function runPhase(
  run: PlansRun,
  events: readonly PlacedEvent[],
  { number, of }: { readonly number: number; readonly of: number },
): Promise<EndedEvent[]> {
  if (run.stop.aborted) throw run.stop.reason;
  await run.journal.intend(events);
  const since = performance.now();
  const entity = run.fence.databaseId;
  run.report({ kind: 'phase_started', entity, number, of, events: events.length });
  // A journal that cannot be written to must not leave the phase's other events running unwatched.
  const settled = await Promise.allSettled(events.map((placed) => runEvent(run, placed)));
  const broken = settled.find((result) => result.status === 'rejected');
  if (broken !== undefined) throw broken.reason;
  const ended = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = ended.filter(({ outcome }) => outcome.kind !== 'ok').length;
  run.report({ kind: 'phase_finished', entity, number, of, durationMs: performance.now() - since, failed });
  return ended;
}

interface Carried {
  readonly outcome: EventOutcome;
  readonly hostId: string | null;
  readonly outputs: readonly StepOutput[];
}

async function runEvent(run: PlansRun, placed: PlacedEvent): Promise<EndedEvent> {
  const since = performance.now();
  const { event } = placed;
  const carried = await carryOut(run, placed).catch((thrown: unknown): Carried => {
    const error = toPgctlError(thrown);
    const kind = error.code === 'outcome_unknown' ? 'unknown' : 'failed';
    return { outcome: { kind, error: error.message }, hostId: null, outputs: [] };
  });
  const { outcome, hostId, outputs } = carried;
  const durationMs = Math.round(performance.now() - since);
  const write = applyOutcome(run.around.state, event, outcome);
  if (write?.kind === 'put') run.around.state.set(resourceKey(write.resource), write.resource);
  if (write?.kind === 'delete') run.around.state.delete(write.key);
  const observed = outcome.kind === 'ok' && event.type !== 'delete' && outputs.length > 0;
  const observation = observed ? typeOf(event.resource).observe?.(outputs) : null;
  const ended: EndedEvent = {
    ...placed,
    outcome,
    hostId,
    durationMs,
    write,
    observation: observation ?? null,
  };
  // What happened is said also where it could not be written.
  await run.journal.record(ended).finally(() =>
    run.report({
      kind: 'event_finished',
      ...identityOf(placed, hostId),
      outcome: outcome.kind,
      durationMs,
      error: outcome.kind === 'ok' ? null : outcome.error,
    }),
  );
  return ended;
}

async function carryOut(run: PlansRun, placed: PlacedEvent): Promise<Carried> {
  const { event } = placed;
  if (event.reason === 'container_deleted' || isInert(event))
    return { outcome: { kind: 'ok' }, hostId: null, outputs: [] };
  const place = await unlessAborted(run.kill, placeOf(event.resource, run.around));
  const hostId = place.kind === 'host' ? place.host.host_id : null;
  run.report({ kind: 'event_started', ...identityOf(placed, hostId) });
  const steps = stepsOf(event, contextAt(place, event.resource, run.around));
  for (const step of steps) {
    if (isStoreStep(step)) await unlessAborted(run.kill, run.changeStore(step));
  }
  const hostSteps = steps.filter((step): step is HostStep => !isStoreStep(step));
  if (place.kind === 'controller' || hostSteps.length === 0)
    return { outcome: { kind: 'ok' }, hostId, outputs: [] };
  const result = await runOnHost({
    transport: run.transport,
    host: place.host,
    steps: hostSteps,
    fence: run.fence,
    limitMs: run.limitMs,
    signal: run.kill,
    assertMayStart: () => run.assertMayStart(),
    onSaid: ({ text, progress }) =>
      run.report({ kind: 'event_waiting', ...identityOf(placed, hostId), waitingFor: text, progress }),
  });
  switch (result.kind) {
    case 'ok':
      return { outcome: { kind: 'ok' }, hostId, outputs: result.outputs };
    case 'unknown':
      return { outcome: { kind: 'unknown', error: result.error }, hostId, outputs: [] };
    case 'ended':
      return { outcome: endedOutcome(result, run.kill), hostId, outputs: [] };
    case 'fenced':
      throw await run.overtaken({ ...result, hostId: place.host.host_id });
    case 'failed':
    case 'unreachable':
    case 'unusable':
      return { outcome: { kind: 'failed', error: result.error }, hostId, outputs: [] };
  }
}

/** What a step that was ended came to: by an operator in a hurry, nobody can say how far it had come. */
function endedOutcome(
  { by, error }: Extract<StepsResult, { kind: 'ended' }>,
  kill: AbortSignal,
): EventOutcome {
  if (by === 'signal' && isSignal(kill.reason)) return { kind: 'unknown', error };
  return { kind: 'failed', error, timedOut: by === 'limit' };
}

/** An event's name in reports. */
export function identityOf({ plan, phase, event }: PlacedEvent, hostId: string | null): EventIdentity {
  return {
    id: `${plan}.${phase}.${resourceKey(event.resource)}`,
    type: event.type,
    action: actionOf(event),
    resource: { type: event.resource.type, id: event.resource.id },
    hostId: hostId ?? (event.resource.executor.kind === 'host' ? event.resource.executor.host : null),
  };
}

/** How many events a phase has, over all plans. */
export function countEvents(plans: readonly (readonly Phase[])[]): number {
  return plans.reduce((sum, plan) => sum + plan.reduce((n, phase) => n + phase.length, 0), 0);
}
