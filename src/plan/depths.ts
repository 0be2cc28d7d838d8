/**
 * A graph of resources by number. In flat lists rather than an object for each vertex: with tens of thousands of
 * them, most of the time would go into the memory.
 */
export interface Edges {
  /** The resources are the vertices from 0 up to here. */
  readonly resources: number;
  /**
   * All vertices. Those after the resources are barriers, one for each type that something depends on: it needs
   * every resource of the type, and what depends on the type needs it.
   */
  readonly vertices: number;
  /** Edge by edge, the vertex that is needed … */
  readonly needed: readonly number[];
  /** … and the vertex that needs it. */
  readonly needing: readonly number[];
}

export interface Depths {
  /** The layer of each vertex, counted from 0. */
  readonly depth: Int32Array;
  /** The vertices that have no layer, because they are on a cycle or behind one. */
  readonly stuck: ReadonlySet<number>;
}

/**
 * The layer of each vertex: the first after those of all it needs. A barrier is as deep as the deepest resource of
 * its type, and before the first layer where there is none, so that the layers are those of the direct edges.
 */
export function depthsOf({ resources, vertices, needed, needing }: Edges): Depths {
  const waitingFor = new Int32Array(vertices);
  for (const vertex of needing) waitingFor[vertex]! += 1;
  const dependents = groupByNeeded({ vertices, needed, needing });
  const depth = new Int32Array(vertices).fill(-1, resources);
  const ready: number[] = [];
  waitingFor.forEach((count, vertex) => {
    if (count === 0) ready.push(vertex);
  });
  for (let vertex = ready.pop(); vertex !== undefined; vertex = ready.pop()) {
    for (let at = dependents.first[vertex]!; at < dependents.first[vertex + 1]!; at += 1) {
      const next = dependents.list[at]!;
      depth[next] = Math.max(depth[next]!, next < resources ? depth[vertex]! + 1 : depth[vertex]!);
      waitingFor[next]! -= 1;
      if (waitingFor[next] === 0) ready.push(next);
    }
  }
  const stuck = new Set<number>();
  waitingFor.forEach((count, vertex) => {
    if (count > 0) stuck.add(vertex);
  });
  return { depth, stuck };
}

/** What needs vertex v is `list` from `first[v]` up to `first[v + 1]`. */
function groupByNeeded({ vertices, needed, needing }: Omit<Edges, 'resources'>): {
  readonly first: Int32Array;
  readonly list: Int32Array;
} {
  const first = new Int32Array(vertices + 1);
  for (const vertex of needed) first[vertex + 1]! += 1;
  for (let vertex = 0; vertex < vertices; vertex += 1) first[vertex + 1]! += first[vertex]!;
  const free = first.slice();
  const list = new Int32Array(needed.length);
  needed.forEach((vertex, edge) => {
    list[free[vertex]!] = needing[edge]!;
    free[vertex]! += 1;
  });
  return { first, list };
}
