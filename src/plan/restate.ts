import type { Resource, StoredResource } from './resource.ts';

/**
 * A stored resource with what the desired one says of its place in the graph, and the attributes it was last
 * applied with; the stored one itself where nothing differs. This is what a resource without an event is
 * stored as: a changed dependency is nothing to do on a host, but the next refresh and delete order by it.
 */
export function restate(stored: StoredResource, desired: Resource): StoredResource {
  const same =
    stored.version === desired.version &&
    stored.contained_in === desired.contained_in &&
    equal(stored.dependencies, desired.dependencies) &&
    equal(stored.after ?? [], desired.after ?? []) &&
    equal(stored.type_dependencies, desired.type_dependencies) &&
    equal(stored.diff_ignore, desired.diff_ignore);
  if (same) return stored;
  const { dependencies, after, type_dependencies, diff_ignore, version, contained_in } = desired;
  const { after: _, ...rest } = stored;
  const order = { dependencies, ...(after === undefined ? {} : { after }), type_dependencies };
  return { ...rest, ...order, diff_ignore, version, contained_in };
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
