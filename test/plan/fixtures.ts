import { applyOutcome, owedUpdates } from '../../src/plan/apply.ts';
import { byKey } from '../../src/plan/graph.ts';
import type { EventOutcome, PlanEvent } from '../../src/plan/plan.ts';
import type { PlannedOperation } from '../../src/plan/plan-operation.ts';
import {
  type Resource,
  type ResourceKey,
  type StoredResource,
  resourceKey,
} from '../../src/plan/resource.ts';

/** A resource `type/id`, on the controller and depending on nothing unless told otherwise. */
export function resource(key: ResourceKey, changes: Partial<Resource> = {}): Resource {
  const slash = key.indexOf('/');
  return {
    type: key.slice(0, slash),
    id: key.slice(slash + 1),
    executor: { kind: 'controller' },
    attributes: {},
    dependencies: [],
    type_dependencies: [],
    diff_ignore: [],
    version: 1,
    contained_in: null,
    ...changes,
  };
}

/** The same as left by an operation that succeeded. */
export function stored(key: ResourceKey, changes: Partial<StoredResource> = {}): StoredResource {
  return { needs_recreate: false, error: null, ...resource(key, changes), ...changes };
}

export function asStored(resources: readonly Resource[]): StoredResource[] {
  return resources.map((item) => ({ ...item, needs_recreate: false, error: null }));
}

export const onHost = (host: string) => ({ executor: { kind: 'host', host } }) as const;
export const onPrimary = (node: string) => ({ executor: { kind: 'primary', node } }) as const;

export function keys(resources: readonly Resource[]): string[] {
  return resources.map(resourceKey);
}

/** Plans as short words, `create unit/a (does_not_exist)`, by plan and phase. */
export function words({ plans }: Pick<PlannedOperation, 'plans'>): string[][][] {
  return plans.map((plan) =>
    plan.map((phase) =>
      phase.map(({ type, reason, resource: what }) => `${type} ${resourceKey(what)} (${reason})`),
    ),
  );
}

export interface Run {
  readonly state: StoredResource[];
  readonly ran: PlanEvent[];
  readonly failed: boolean;
}

/**
 * Runs a planned operation as the executor does, without a host: all events of a phase, then no later one if any
 * failed. `crashAfter` events the run ends on the spot, with nothing written after it.
 */
export function run(
  operation: PlannedOperation,
  current: readonly StoredResource[],
  {
    outcome = () => ({ kind: 'ok' }),
    crashAfter = Number.POSITIVE_INFINITY,
  }: { outcome?: (event: PlanEvent) => EventOutcome; crashAfter?: number } = {},
): Run {
  const state = byKey(current);
  const ran: PlanEvent[] = [];
  const done = (failed: boolean) => ({ state: [...state.values()], ran, failed });
  for (const gone of operation.abandoned) state.delete(resourceKey(gone));
  for (const [index, plan] of operation.plans.entries()) {
    for (const owed of owedUpdates(state, operation.plans.slice(index))) state.set(resourceKey(owed), owed);
    for (const phase of plan) {
      let failed = false;
      for (const event of phase) {
        if (ran.length >= crashAfter) return done(true);
        const result = outcome(event);
        failed ||= result.kind !== 'ok';
        ran.push(event);
        const write = applyOutcome(state, event, result);
        if (write?.kind === 'put') state.set(resourceKey(write.resource), write.resource);
        if (write?.kind === 'delete') state.delete(write.key);
      }
      if (failed) return done(true);
    }
  }
  for (const again of operation.restated) state.set(resourceKey(again), again);
  return done(false);
}
