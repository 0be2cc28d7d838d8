import { PgctlError } from '../errors.ts';
import { diffAttributes } from './diff.ts';
import type { Difference, PlanEvent } from './plan.ts';
import { type Executor, type Resource, type StoredResource, resourceKey } from './resource.ts';

/** What the decision about one resource of a desired state rests on. */
export interface Situation {
  readonly desired: Resource;
  readonly previous: StoredResource | null;
  /** It is there, and the operation's last desired state is without it. */
  readonly pendingDeletion: boolean;
  readonly force: boolean;
  /** Something it depends on, by key or by type, is created or updated. */
  readonly dependencyUpdated: boolean;
}

/** The create or update that a resource needs, with the first reason that fits; null for none. */
export function eventFor(situation: Situation): PlanEvent | null {
  const { desired: resource, previous } = situation;
  if (previous === null) return { type: 'create', reason: 'does_not_exist', resource, previous };
  if (situation.pendingDeletion) return null;
  refuseMove(previous, resource);
  if (previous.needs_recreate) return { type: 'create', reason: 'needs_recreate', resource, previous };
  if (previous.error !== null) return { type: 'update', reason: 'has_error', resource, previous };
  if (situation.force) return { type: 'update', reason: 'force_update', resource, previous };
  if (situation.dependencyUpdated) {
    return { type: 'update', reason: 'dependency_updated', resource, previous };
  }
  const diff = differences(previous, resource);
  return diff.length === 0 ? null : { type: 'update', reason: 'has_diff', resource, previous, diff };
}

/** The desired resource's `diff_ignore` counts: it is today's pgctl that knows what matters. */
function differences(previous: StoredResource, desired: Resource): Difference[] {
  const found = diffAttributes(previous.attributes, desired.attributes, desired.diff_ignore);
  if (placeOf(previous.executor) === placeOf(desired.executor)) return found;
  // Attributes are not called `executor`, so the pointer is not mistaken for one of them.
  return [{ path: '/executor', from: { ...previous.executor }, to: { ...desired.executor } }, ...found];
}

/** A resource is bound to its host or node; one that is wanted elsewhere is another resource, with another id. */
function refuseMove(previous: StoredResource, desired: Resource): void {
  const [from, to] = [placeOf(previous.executor), placeOf(desired.executor)];
  if (previous.executor.kind !== desired.executor.kind || from === to) return;
  throw new PgctlError('unplannable', `${resourceKey(desired)} cannot move from ${from} to ${to}.`, {
    hint: 'Remove it where it is and create it under another id.',
  });
}

function placeOf(executor: Executor): string {
  switch (executor.kind) {
    case 'host':
      return `host ${executor.host}`;
    case 'primary':
      return `the primary of ${executor.node}`;
    case 'controller':
      return 'the controller';
  }
}
