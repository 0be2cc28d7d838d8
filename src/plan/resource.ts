import type { JsonObject } from '../json.ts';

/** Names a resource within one database: `<type>/<id>`, such as `unit/shop.n1.host-1`. */
export type ResourceKey = `${string}/${string}`;

/** Where a resource's lifecycle steps run. */
export type Executor =
  /** On this host. */
  | { readonly kind: 'host'; readonly host: string }
  /** On the host of the node's primary, looked up when the event runs, so that it follows a failover. */
  | { readonly kind: 'primary'; readonly node: string }
  /** On pgctl's own machine, against etcd. */
  | { readonly kind: 'controller' };

/** One thing that exists on a host, in Postgres or in etcd, as it is wanted. */
export interface Resource {
  readonly type: string;
  readonly id: string;
  readonly executor: Executor;
  /** What a change of is a change of the resource. Never holds a secret: at most its name and its digest. */
  readonly attributes: JsonObject;
  /** Resources that must be there before this one, and leave after it. */
  readonly dependencies: readonly ResourceKey[];
  /**
   * Resources that must be there before this one, and leave after it, but whose change is no change of this
   * one: a role is made once its node is there, and need not be made again when an instance restarts.
   */
  readonly after?: readonly ResourceKey[];
  /** An edge from every resource of these types. */
  readonly type_dependencies: readonly string[];
  /** JSON pointers into `attributes` whose differences do not count. */
  readonly diff_ignore: readonly string[];
  /** Format of `attributes`; raised when it changes, see the type's `migrate`. */
  readonly version: number;
  /** A resource that this one lives inside of: when that is deleted, deleting this one is nothing to do. */
  readonly contained_in: ResourceKey | null;
}

/** A resource as the last operation left it. */
export interface StoredResource extends Resource {
  /** Its create failed, or a refresh did not find it: what is there, if anything, is not to be relied on. */
  readonly needs_recreate: boolean;
  /** What went wrong with it last; null when nothing did. */
  readonly error: string | null;
}

export function resourceKey(resource: { readonly type: string; readonly id: string }): ResourceKey {
  return `${resource.type}/${resource.id}`;
}
