import { assertNever } from '../errors.ts';
import type { EventOutcome, Plan, PlanEvent } from './plan.ts';
import { type Resource, type ResourceKey, type StoredResource, resourceKey } from './resource.ts';

/** What has to become of one stored resource. */
export type ResourceWrite =
  | { readonly kind: 'put'; readonly resource: StoredResource }
  | { readonly kind: 'delete'; readonly key: ResourceKey };

export type ResourceState = ReadonlyMap<ResourceKey, StoredResource>;

/** The error of a resource that owes an update; see `owedUpdates`. */
export const OWED = 'not brought up to date yet with a change of something it depends on';

/**
 * What to store now that an event has ended: to be written at once, not at the end of the phase. Null: nothing.
 *
 * | event  | ok               | failed or unknown                                                      |
 * |--------|------------------|------------------------------------------------------------------------|
 * | create | as desired       | as desired, with `needs_recreate` and the error: a delete finds it      |
 * | update | as desired       | as it was, with the error: its attributes are the last known to be good |
 * | delete | removed          | nothing: it stays as it was                                            |
 */
export function applyOutcome(
  state: ResourceState,
  event: PlanEvent,
  outcome: EventOutcome,
): ResourceWrite | null {
  const key = resourceKey(event.resource);
  const error = errorOf(outcome);
  switch (event.type) {
    case 'create':
      return { kind: 'put', resource: store(event.resource, error) };
    case 'update': {
      const known = state.get(key) ?? event.previous;
      if (error === null || known === null) return { kind: 'put', resource: store(event.resource, error) };
      return { kind: 'put', resource: { ...known, error } };
    }
    case 'delete':
      return error === null ? { kind: 'delete', key } : null;
    default:
      return assertNever(event.type);
  }
}

/**
 * What to store before a plan starts: `plans` are those still to run, the next one first. A `dependency_updated`
 * is known from the change of another resource only. Were that change recorded and the operation to fail or die
 * before the update that follows from it, planning again would find two clean resources and the update would be
 * lost (a configuration written, and no reload). So the resource carries an error for that time, and the next
 * operation updates it with `has_error`; the update that succeeds clears it.
 */
export function owedUpdates(state: ResourceState, plans: readonly Plan[]): StoredResource[] {
  const owed = new Map<ResourceKey, StoredResource>();
  for (const { reason, resource } of plans.flat(2)) {
    const key = resourceKey(resource);
    const stored = reason === 'dependency_updated' ? state.get(key) : undefined;
    if (stored === undefined || stored.needs_recreate || stored.error !== null) continue;
    owed.set(key, { ...stored, error: OWED });
  }
  return [...owed.values()];
}

function errorOf(outcome: EventOutcome): string | null {
  switch (outcome.kind) {
    case 'ok':
      return null;
    case 'failed':
      return outcome.error;
    case 'unknown':
      return `outcome unknown: ${outcome.error}`;
    default:
      return assertNever(outcome);
  }
}

/** With an error, nothing that is there can be relied on, whatever it was before. */
function store(resource: Resource, error: string | null): StoredResource {
  return { ...resource, needs_recreate: error !== null, error };
}
