import { PgctlError } from '../errors.ts';
import { eventFor } from './event-for.ts';
import { type Keyed, byKey, compareResources, keyed, layersOf } from './graph.ts';
import { abandonLost } from './lost.ts';
import type { Plan, PlanEvent } from './plan.ts';
import { type Resource, type ResourceKey, type StoredResource, resourceKey } from './resource.ts';
import { restate } from './restate.ts';

export interface PlanRequest {
  /** What is there, as stored and refreshed. */
  readonly current: readonly StoredResource[];
  /**
   * The states to pass through, each planned against the one before. Nothing is deleted before the last, so an
   * earlier one may leave resources out; the last is complete: `[[]]` deletes everything, `[]` plans nothing.
   */
  readonly desired: readonly (readonly Resource[])[];
  /** Update, in the last state, also what does not differ. */
  readonly force?: boolean;
  /** Hosts that are lost for good: nothing is planned on them. */
  readonly lostHosts?: ReadonlySet<string>;
}

export interface PlannedOperation {
  readonly plans: readonly Plan[];
  /** Resources that leave the state without an event, because the host they are on is lost. */
  readonly abandoned: readonly StoredResource[];
  /** Resources without an event that are to be stored anew when all plans are done; see `restate`. */
  readonly restated: readonly StoredResource[];
}

/**
 * The plans that lead from the current state through the desired ones. Pure, and the same for the same input in
 * any order. Throws `unplannable` for a state that cannot be ordered, a resource that moves to another host or
 * node, and a create or update on a lost host.
 */
export function planOperation(request: PlanRequest): PlannedOperation {
  const lostHosts = request.lostHosts ?? new Set<string>();
  const { kept, abandoned } = abandonLost(request.current, lostHosts);
  const desired = request.desired.map(keyed);
  const course: Course = {
    state: byKey(kept),
    final: new Set(desired.at(-1)?.map(({ key }) => key)),
    touched: new Map(),
    touchedTypes: new Map(),
    restated: new Set(),
  };
  const plans = desired.map((wanted, step) => {
    const last = step === desired.length - 1;
    // Deletes come last and are planned first: their order is that of the state before the changes.
    const deletes = last ? planDeletes(course) : [];
    return [
      ...planChanges(course, { wanted, step, last, force: last && request.force === true }),
      ...deletes,
    ];
  });
  refuseLost(plans, lostHosts);
  return {
    plans: plans.filter((plan) => plan.length > 0),
    abandoned,
    restated: [...course.restated].flatMap((key) => course.state.get(key) ?? []).sort(compareResources),
  };
}

/** Where planning has got to. */
interface Course {
  /** The state that the plans so far lead to; those of the last one's events are left out. */
  readonly state: Map<ResourceKey, StoredResource>;
  /** What the last desired state consists of. */
  readonly final: ReadonlySet<ResourceKey>;
  /** The step that last created or updated a resource, or one of a type. */
  readonly touched: Map<ResourceKey, number>;
  readonly touchedTypes: Map<string, number>;
  readonly restated: Set<ResourceKey>;
}

interface Step {
  readonly wanted: readonly Keyed<Resource>[];
  readonly step: number;
  readonly last: boolean;
  readonly force: boolean;
}

function planChanges(course: Course, { wanted, step, last, force }: Step): Plan {
  const { state, final } = course;
  const layers = layersOf(wanted, { missing: 'refuse', ...(last ? {} : { elsewhere: state }) });
  const phases: PlanEvent[][] = [];
  for (const layer of layers) {
    const events: PlanEvent[] = [];
    for (const { key, resource } of layer) {
      const previous = state.get(key) ?? null;
      const pendingDeletion = !last && !final.has(key);
      const event = eventFor({
        desired: resource,
        previous,
        pendingDeletion,
        force,
        dependencyUpdated: previous !== null && isStale(course, key, resource),
      });
      if (event !== null) {
        events.push(event);
        // Nobody asks what the last event leaves, and a copy of every resource is a third of the whole cost.
        if (!last) state.set(key, { ...resource, needs_recreate: false, error: null });
        course.touched.set(key, step);
        course.touchedTypes.set(resource.type, step);
        course.restated.delete(key);
      } else if (previous !== null && !pendingDeletion) {
        const next = restate(previous, resource);
        if (next === previous) continue;
        state.set(key, next);
        course.restated.add(key);
      }
    }
    if (events.length > 0) phases.push(events);
  }
  return phases;
}

/**
 * Whether something that the resource depends on was created or updated in this plan, or in an earlier one that
 * did not have the resource follow, because its desired state left out the resource or the dependency.
 */
function isStale(course: Course, key: ResourceKey, resource: Resource): boolean {
  const since = course.touched.get(key) ?? -1;
  return (
    resource.dependencies.some((dependency) => (course.touched.get(dependency) ?? -1) > since) ||
    resource.type_dependencies.some((type) => (course.touchedTypes.get(type) ?? -1) > since)
  );
}

function planDeletes({ state, final }: Course): Plan {
  const current = Array.from(state, ([key, resource]) => ({ key, resource }));
  if (current.every(({ key }) => final.has(key))) return [];
  // Also where it never came to be: what would live in it was made in the same phase, or before.
  const leaves = (key: ResourceKey | null) => key !== null && !final.has(key);
  return layersOf(current, { missing: 'ignore' })
    .reverse()
    .map((layer) =>
      layer
        .filter(({ key }) => !final.has(key))
        .map(({ resource }): PlanEvent => {
          const reason = leaves(resource.contained_in) ? 'container_deleted' : 'not_desired';
          return { type: 'delete', reason, resource, previous: resource };
        }),
    )
    .filter((phase) => phase.length > 0);
}

function refuseLost(plans: readonly Plan[], lostHosts: ReadonlySet<string>): void {
  if (lostHosts.size === 0) return;
  const problems = plans
    .flat(2)
    .flatMap(({ type, resource: { executor, ...resource } }) =>
      executor.kind === 'host' && lostHosts.has(executor.host)
        ? [`${type} ${resourceKey(resource)} is planned on ${executor.host}, which is lost`]
        : [],
    );
  const [first] = problems;
  if (first === undefined) return;
  throw new PgctlError('unplannable', `${first}.`, {
    hint: 'Take the lost host out of the desired state.',
    details: problems,
  });
}
