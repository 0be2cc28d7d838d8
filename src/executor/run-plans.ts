import { performance } from 'node:perf_hooks';
import { applyOutcome, owedUpdates, type ResourceWrite } from '../plan/apply.ts';
import type { EventOutcome, Phase, Plan, PlanEvent } from '../plan/plan.ts';
import { resourceKey, type ResourceKey, type StoredResource } from '../plan/resource.ts';
import { typeOf } from '../resources/registry.ts';
import type { InstanceObservation } from '../resources/type.ts';
import { type Carried, carryOut, groupsOf, type Means } from './carry-out.ts';
import type { Surroundings } from './lifecycle.ts';
import { identityOf, type PlacedEvent } from './placed-event.ts';

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

export interface PlansRun extends Means {
  /** Its state is brought up to date as events end. */
  readonly around: Surroundings & { readonly state: Map<ResourceKey, StoredResource> };
  readonly journal: Journal;
  /** No phase begins after it. */
  readonly stop: AbortSignal;
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
  const settled = await Promise.allSettled(groupsOf(events).flatMap((group) => runGroup(run, group)));
  const broken = settled.find((result) => result.status === 'rejected');
  if (broken !== undefined) throw broken.reason;
  const ended = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = ended.filter(({ outcome }) => outcome.kind !== 'ok').length;
  run.report({ kind: 'phase_finished', entity, number, of, durationMs: performance.now() - since, failed });
  return ended;
}

/** Carries out a group of events, and writes what came of each. */
function runGroup(run: PlansRun, group: readonly PlacedEvent[]): Promise<EndedEvent>[] {
  const since = performance.now();
  const carried = carryOut(run, group);
  return group.map(async (placed) => {
    const own = (await carried).get(placed);
    if (own === undefined) throw new Error(`nothing came of ${resourceKey(placed.event.resource)}`);
    return end(run, placed, own, Math.round(performance.now() - since));
  });
}

async function end(
  run: PlansRun,
  placed: PlacedEvent,
  { outcome, hostId, outputs }: Carried,
  durationMs: number,
): Promise<EndedEvent> {
  const { event } = placed;
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

/** How many events a phase has, over all plans. */
export function countEvents(plans: readonly (readonly Phase[])[]): number {
  return plans.reduce((sum, plan) => sum + plan.reduce((n, phase) => n + phase.length, 0), 0);
}
