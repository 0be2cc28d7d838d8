import type { Edges } from './depths.ts';
import type { ResourceKey } from './resource.ts';

/** A graph in which ordering got stuck. */
export interface StuckGraph {
  readonly keys: readonly ResourceKey[];
  readonly edges: Edges;
  readonly stuck: ReadonlySet<number>;
}

/**
 * One cycle, as `config/a → unit/a → config/a`: each needs the next. It starts with its first resource in sorted
 * order, so the same graph always gives the same words.
 */
export function nameCycle({ keys, edges, stuck }: StuckGraph): string {
  // Whoever is stuck needs somebody who is stuck, so following that from anywhere ends up going round.
  const needs = new Map<number, number>();
  edges.needing.forEach((vertex, edge) => {
    const target = edges.needed[edge] ?? vertex;
    if (stuck.has(target) && !needs.has(vertex)) needs.set(vertex, target);
  });
  const path = new Set<number>();
  let [vertex = 0] = stuck;
  while (!path.has(vertex)) {
    path.add(vertex);
    vertex = needs.get(vertex) ?? vertex;
  }
  const visited = [...path];
  // Barriers stand for the resources behind them and have no name.
  const circle = visited.slice(visited.indexOf(vertex)).filter((index) => index < edges.resources);
  const start = circle.indexOf(circle.reduce((least, index) => Math.min(least, index), Infinity));
  const turned = [...circle.slice(start), ...circle.slice(0, start)];
  return [...turned, ...turned.slice(0, 1)].map((index) => keys[index]).join(' → ');
}
