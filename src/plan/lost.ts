import { byKey, keyed, layersOf, prerequisites } from './graph.ts';
import { type Resource, type ResourceKey, type StoredResource, resourceKey } from './resource.ts';

/** A state divided by whether anybody is left to act on a resource. */
export interface Survivors {
  readonly kept: readonly StoredResource[];
  /**
   * What leaves the state without an event, in the order of deletes: where only some of it could be taken out,
   * what is left still shows which hosts its node was on.
   */
  readonly abandoned: readonly StoredResource[];
}

/**
 * Takes the resources of lost hosts out of a state: nobody is left to run their delete. They are
 *
 * - every resource whose executor is a lost host;
 * - every `primary(node)` resource of a node that loses its last host. The node's hosts are those of the host
 *   resources that its `primary(node)` resources depend on, directly or through others (or are contained in).
 *   A node of which no host resource is known at all keeps its resources: what cannot be shown to be lost is
 *   never dropped silently;
 * - every resource contained in one of these.
 *
 * A `controller` resource of the node stays: pgctl's own machine is there to delete it.
 */
export function abandonLost(current: readonly StoredResource[], lostHosts: ReadonlySet<string>): Survivors {
  if (lostHosts.size === 0) return { kept: current, abandoned: [] };
  const state = byKey(current);
  const lostNodes = nodesWithoutHosts(state, lostHosts);
  const gone = new Set<ResourceKey>();
  const content = new Map<ResourceKey, StoredResource[]>();
  const queue: StoredResource[] = [];
  for (const resource of current) {
    const { executor, contained_in: container } = resource;
    if (container !== null) add(content, container, resource);
    const lost =
      (executor.kind === 'host' && lostHosts.has(executor.host)) ||
      (executor.kind === 'primary' && lostNodes.has(executor.node));
    if (lost) queue.push(resource);
  }
  for (let resource = queue.pop(); resource !== undefined; resource = queue.pop()) {
    const key = resourceKey(resource);
    if (gone.has(key)) continue;
    gone.add(key);
    queue.push(...(content.get(key) ?? []));
  }
  return {
    kept: current.filter((resource) => !gone.has(resourceKey(resource))),
    abandoned: layersOf(keyed(current), { missing: 'ignore' })
      .reverse()
      .flat()
      .filter(({ key }) => gone.has(key))
      .map(({ resource }) => resource),
  };
}

function nodesWithoutHosts(
  state: ReadonlyMap<ResourceKey, StoredResource>,
  lostHosts: ReadonlySet<string>,
): Set<string> {
  const ofNode = new Map<string, StoredResource[]>();
  for (const resource of state.values()) {
    if (resource.executor.kind === 'primary') add(ofNode, resource.executor.node, resource);
  }
  const without = new Set<string>();
  for (const [node, resources] of ofNode) {
    const hosts = [...hostsOf(node, resources, state)];
    if (hosts.length > 0 && hosts.every((host) => lostHosts.has(host))) without.add(node);
  }
  return without;
}

/** The walk ends at host resources and at another node's: what those depend on says nothing of this node. */
function hostsOf(
  node: string,
  from: readonly Resource[],
  state: ReadonlyMap<ResourceKey, Resource>,
): Set<string> {
  const hosts = new Set<string>();
  const seen = new Set<Resource>(from);
  const queue = [...from];
  for (let resource = queue.pop(); resource !== undefined; resource = queue.pop()) {
    const { executor, contained_in: container } = resource;
    if (executor.kind === 'host') {
      hosts.add(executor.host);
      continue;
    }
    if (executor.kind === 'primary' && executor.node !== node) continue;
    for (const key of container === null
      ? prerequisites(resource)
      : [...prerequisites(resource), container]) {
      const next = state.get(key);
      if (next === undefined || seen.has(next)) continue;
      seen.add(next);
      queue.push(next);
    }
  }
  return hosts;
}

function add<K, V>(groups: Map<K, V[]>, key: K, value: V): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [value]);
  else group.push(value);
}
