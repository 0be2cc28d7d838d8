import { PgctlError } from '../errors.ts';
import type { Cost, PlanEvent } from '../plan/plan.ts';
import { type Resource, resourceKey, type ResourceKey, type StoredResource } from '../plan/resource.ts';
import type { HostRecord } from '../records/types.ts';
import { serverOf } from '../resources/instance.ts';
import { typeOf } from '../resources/registry.ts';
import type { LifecycleContext } from '../resources/type.ts';
import type { Secret } from '../secret.ts';
import type { Step } from '../steps/step.ts';

/** What lifecycle methods and executors are looked up in while an operation runs. */
export interface Surroundings {
  readonly hosts: ReadonlyMap<string, HostRecord>;
  readonly secrets: ReadonlyMap<string, Secret>;
  /** Resources as they are now; changes as events end. */
  readonly state: ReadonlyMap<ResourceKey, StoredResource>;
  /** What the plans delete; absent while there are none. */
  readonly leaving?: ReadonlySet<ResourceKey>;
  /** What they create. */
  readonly coming?: ReadonlySet<ResourceKey>;
  /** Host id of a node's primary as Patroni says at this moment, or null. */
  primaryOf(scope: string): Promise<string | null>;
}

/** Where an event runs: a host, or pgctl's own machine. */
export type Place = { readonly kind: 'host'; readonly host: HostRecord } | { readonly kind: 'controller' };

/** Resolves an executor to a place, at the moment the event runs. Throws where there is none: it is never dropped. */
export async function placeOf(resource: Resource, around: Surroundings): Promise<Place> {
  const { executor } = resource;
  if (executor.kind === 'controller') return { kind: 'controller' };
  const id = executor.kind === 'host' ? executor.host : await around.primaryOf(executor.node);
  if (id === null) {
    throw new PgctlError(
      'operation_failed',
      `${resourceKey(resource)}: its node has no primary at the moment`,
      {
        hint: 'See `pgctl db get` for the state of its instances.',
      },
    );
  }
  const host = around.hosts.get(id);
  if (host === undefined) {
    throw new PgctlError(
      'host_unusable',
      `${resourceKey(resource)} is to run on host ${id}, which is not registered`,
      {
        hint: 'Register it again, or take it out with `pgctl recover --remove-host`.',
      },
    );
  }
  return { kind: 'host', host };
}

/** The node that an instance's resource is of: its id is `<database>.<node>.<host>`. */
export const scopeOf = ({ id }: Resource): string => id.slice(0, id.lastIndexOf('.'));

/** The node that a resource is of, or is inside of. */
const nodeOf = (resource: Resource): string =>
  resource.executor.kind === 'primary' ? resource.executor.node : scopeOf(resource);

/** What a resource's methods may know when they run at a place. */
export function contextAt(place: Place, resource: Resource, around: Surroundings): LifecycleContext {
  return {
    secret(name) {
      const secret = around.secrets.get(name);
      if (secret === undefined) {
        throw new PgctlError(
          'store_corrupt',
          `the secret ${name} that ${resourceKey(resource)} needs is not in etcd`,
        );
      }
      return secret;
    },
    server() {
      return serverOf(this.instance());
    },
    instance() {
      const scope = resource.executor.kind === 'primary' ? resource.executor.node : null;
      if (place.kind !== 'host' || scope === null)
        throw new Error(`${resourceKey(resource)} is not inside Postgres`);
      const server = around.state.get(`instance/${scope}.${place.host.host_id}`);
      if (server === undefined) {
        throw new PgctlError('operation_failed', `host ${place.host.host_id} has no instance of ${scope}`);
      }
      return server;
    },
    nodeLeaves: () => around.leaving?.has(`patroni_scope/${nodeOf(resource)}`) ?? false,
    nodeBegins() {
      const node = nodeOf(resource);
      const instances = [...around.state.keys()].filter((key) => key.startsWith(`instance/${node}.`));
      const made = (key: ResourceKey): boolean => around.coming?.has(key) ?? false;
      return made(`patroni_scope/${node}`) && instances.every(made);
    },
  };
}

/** What an event does, as a verb. */
export function actionOf(event: PlanEvent): string {
  const type = typeOf(event.resource);
  return type.action?.(event) ?? type.verbs[event.type];
}

/** What an event costs beyond being done; null for nothing. */
export function costOf(event: PlanEvent): Cost | null {
  return typeOf(event.resource).cost?.(event) ?? null;
}

/** Whether an event does nothing anywhere, so that it needs no place. */
export function isInert(event: PlanEvent): boolean {
  return typeOf(event.resource).inert?.(event.type, event.resource) ?? false;
}

/** Whether an event takes no time worth speaking of where it runs. */
export function isBrief(event: PlanEvent): boolean {
  return typeOf(event.resource).brief?.includes(event.type) ?? false;
}

/** The steps of an event. Deleting what lives in something that is deleted with it is nothing to do. */
export function stepsOf(event: PlanEvent, context: LifecycleContext): readonly Step[] {
  const type = typeOf(event.resource);
  switch (event.type) {
    case 'create':
      return type.create(event.resource, context);
    case 'update':
      return type.update(event.resource, event.previous ?? event.resource, context);
    case 'delete':
      return event.reason === 'container_deleted' ? [] : type.delete(event.resource, context);
  }
}
