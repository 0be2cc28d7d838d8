import { PgctlError } from '../errors.ts';
import { nameCycle } from './cycle.ts';
import { type Edges, depthsOf } from './depths.ts';
import { type Resource, type ResourceKey, resourceKey } from './resource.ts';

export interface LayerOptions {
  /**
   * What to make of a dependency on a resource that is not given: `refuse` for what is to be created, since
   * it could never work; `ignore` for what is refreshed or deleted, since a half-made or half-deleted state
   * must stay readable and deletable.
   */
  readonly missing: 'refuse' | 'ignore';
  /** With `refuse`: resources that exist without being given. They make no edge, and are not missing. */
  readonly elsewhere?: { has(key: ResourceKey): boolean };
}

const DEFECT = 'This is a defect in pgctl. Please report it with the spec and the command.';

/** The order of resources within a phase: by type, then id, in plain code-unit order, the same everywhere. */
export function compareResources(
  a: { readonly type: string; readonly id: string },
  b: { readonly type: string; readonly id: string },
): number {
  if (a.type !== b.type) return a.type < b.type ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** By type first: within one, resources mostly come in order already, which makes sorting them nearly free. */
function sortItems<R extends Resource>(items: readonly Keyed<R>[]): Keyed<R>[] {
  const ofType = new Map<string, Keyed<R>[]>();
  for (const item of items) {
    const same = ofType.get(item.resource.type);
    if (same === undefined) ofType.set(item.resource.type, [item]);
    else same.push(item);
  }
  const byId = (a: Keyed<R>, b: Keyed<R>) => compareResources(a.resource, b.resource);
  return [...ofType.keys()].sort().flatMap((type) => (ofType.get(type) ?? []).sort(byId));
}

/** A resource with its key: making and hashing keys again and again would be a good part of planning's cost. */
export interface Keyed<R extends Resource> {
  readonly key: ResourceKey;
  readonly resource: R;
}

export function keyed<R extends Resource>(resources: readonly R[]): Keyed<R>[] {
  return resources.map((resource) => ({ key: resourceKey(resource), resource }));
}

/** The resources by key. */
export function byKey<R extends Resource>(resources: readonly R[]): Map<ResourceKey, R> {
  const map = new Map<ResourceKey, R>();
  for (const resource of resources) map.set(resourceKey(resource), resource);
  return map;
}

/**
 * The resources in layers: a resource is in the first layer after all layers of what it depends on, by key or
 * by type. Layers are sorted, so the order of the input does not show. Cost grows with the number of resources
 * and of listed dependencies: a type dependency is one edge to a barrier, not one to each resource of the type.
 *
 * Throws `unplannable`, naming all that is wrong: a cycle, a resource that depends on itself or on its own
 * type, two resources of one key, and with `missing: 'refuse'` a dependency that is not there.
 */
export function layersOf<R extends Resource>(
  items: readonly Keyed<R>[],
  options: LayerOptions,
): Keyed<R>[][] {
  const edges = edgesOf(items, options);
  const { depth, stuck } = depthsOf(edges);
  if (stuck.size > 0) throw cycleError(items, options);
  const layers: Keyed<R>[][] = [];
  items.forEach((item, index) => {
    (layers[depth[index] ?? 0] ??= []).push(item);
  });
  return layers.map(sortItems);
}

/** In sorted order this time, so that the same cycle is named in the same words. */
function cycleError(unsorted: readonly Keyed<Resource>[], options: LayerOptions): PgctlError {
  const items = sortItems(unsorted);
  const edges = edgesOf(items, options);
  const cycle = nameCycle({ keys: items.map(({ key }) => key), edges, stuck: depthsOf(edges).stuck });
  return unplannable([`Resources depend on one another in a circle: ${cycle}`]);
}

/** The edges between the resources, by index, with a barrier for each type that something depends on. */
function edgesOf(items: readonly Keyed<Resource>[], options: LayerOptions): Edges {
  const problems: string[] = [];
  const indexes = new Map<ResourceKey, number>();
  const barriers = new Map<string, number>();
  const [needed, needing]: [number[], number[]] = [[], []];
  let vertices = items.length;
  items.forEach(({ key, resource }, index) => {
    if (indexes.has(key)) problems.push(`${key} is there twice`);
    indexes.set(key, index);
    for (const type of resource.type_dependencies) {
      if (type === resource.type) problems.push(`${key} depends on its own type`);
      if (!barriers.has(type)) barriers.set(type, vertices++);
    }
  });
  const addEdge = (from: number, to: number) => {
    needed.push(from);
    needing.push(to);
  };
  items.forEach(({ key, resource }, index) => {
    for (const dependency of prerequisites(resource)) {
      const target = indexes.get(dependency);
      if (target === index) problems.push(`${key} depends on itself`);
      else if (target !== undefined) addEdge(target, index);
      else if (options.missing === 'refuse' && options.elsewhere?.has(dependency) !== true) {
        problems.push(`${key} needs ${dependency}, which is not there`);
      }
    }
    const own = barriers.get(resource.type);
    if (own !== undefined) addEdge(index, own);
    for (const type of resource.type_dependencies) addEdge(barriers.get(type) ?? index, index);
  });
  if (problems.length > 0) throw unplannable(problems.sort());
  return { resources: items.length, vertices, needed, needing };
}

/** All that a resource is ordered after by name. */
export function prerequisites({ dependencies, after }: Resource): readonly ResourceKey[] {
  return after === undefined || after.length === 0 ? dependencies : [...dependencies, ...after];
}

function unplannable(problems: readonly string[]): PgctlError {
  const [first = '', ...others] = problems;
  const more = others.length === 0 ? '' : `, and ${others.length} more`;
  return new PgctlError('unplannable', `${first}${more}.`, { hint: DEFECT, details: problems });
}
