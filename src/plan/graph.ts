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
export function layersOf<R extends Resource>(resources: readonly R[], options: LayerOptions): R[][] {
  const sorted = [...resources].sort(compareResources);
  const edges = edgesOf(sorted, options);
  const { depth, stuck } = depthsOf(edges);
  if (stuck.size > 0) {
    refuse([`Resources depend on one another in a circle: ${nameCycle({ resources: sorted, edges, stuck })}`]);
  }
  const layers: R[][] = [];
  sorted.forEach((resource, index) => {
    (layers[depth[index] ?? 0] ??= []).push(resource);
  });
  return layers;
}

/** The edges between the sorted resources, by index, with a barrier for each type that something depends on. */
function edgesOf(sorted: readonly Resource[], options: LayerOptions): Edges {
  const problems: string[] = [];
  const indexes = new Map<ResourceKey, number>();
  const barriers = new Map<string, number>();
  const [needed, needing]: [number[], number[]] = [[], []];
  let vertices = sorted.length;
  sorted.forEach((resource, index) => {
    const key = resourceKey(resource);
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
  sorted.forEach((resource, index) => {
    for (const dependency of resource.dependencies) {
      const target = indexes.get(dependency);
      if (target === index) problems.push(`${dependency} depends on itself`);
      else if (target !== undefined) addEdge(target, index);
      else if (options.missing === 'refuse' && options.elsewhere?.has(dependency) !== true) {
        problems.push(`${resourceKey(resource)} needs ${dependency}, which is not there`);
      }
    }
    const own = barriers.get(resource.type);
    if (own !== undefined) addEdge(index, own);
    for (const type of resource.type_dependencies) addEdge(barriers.get(type) ?? index, index);
  });
  refuse(problems);
  return { resources: sorted.length, vertices, needed, needing };
}

function refuse(problems: readonly string[]): void {
  const [first, ...others] = problems;
  if (first === undefined) return;
  const more = others.length === 0 ? '' : `, and ${String(others.length)} more`;
  throw new PgctlError('unplannable', `${first}${more}.`, { hint: DEFECT, details: problems });
}
