import { PgctlError, assertNever } from '../errors.ts';
import { keyed, layersOf } from './graph.ts';
import { abandonLost } from './lost.ts';
import type { Plan } from './plan.ts';
import { type ResourceKey, type StoredResource, resourceKey } from './resource.ts';

/** What looking at one resource gave. */
export type RefreshResult =
  | { readonly kind: 'found' }
  /** It is not there, or no longer what was made. */
  | { readonly kind: 'not_found' }
  /** Nobody to ask: this host does not answer or let pgctl in, or (null) the node has no primary at the moment. */
  | {
      readonly kind: 'unreachable';
      readonly host: string | null;
      /** With the host's id in front. */
      readonly why: string;
    }
  /** The host answers, and looking failed. */
  | { readonly kind: 'failed'; readonly error: string };

export interface Refreshed {
  readonly state: readonly StoredResource[];
  /** Why, by host: for `assertReachable`, once it is known what is planned. */
  readonly unreachableHosts: ReadonlyMap<string, string>;
}

/**
 * What to look at, in creation order: what a phase depends on was looked at before it. Resources that leave with
 * a lost host are not among them.
 */
export function planRefresh(
  current: readonly StoredResource[],
  { lostHosts = new Set() }: { readonly lostHosts?: ReadonlySet<string> } = {},
): StoredResource[][] {
  const { kept } = abandonLost(current, lostHosts);
  const layers = layersOf(keyed(kept), { missing: 'ignore' });
  return layers.map((layer) => layer.map(({ resource }) => resource));
}

/**
 * The state as the refresh found it. Only ever adds doubt: an earlier `error` or `needs_recreate` stays until an
 * event succeeds. A resource without a result was not looked at and stays as it is. Throws `operation_failed`
 * where looking failed, with one detail for each resource.
 */
export function applyRefresh(
  state: readonly StoredResource[],
  results: ReadonlyMap<ResourceKey, RefreshResult>,
): Refreshed {
  const unreachableHosts = new Map<string, string>();
  const failures: string[] = [];
  const refreshed = state.map((resource): StoredResource => {
    const result = results.get(resourceKey(resource));
    if (result === undefined) return resource;
    switch (result.kind) {
      case 'found':
        return resource;
      case 'not_found':
        return { ...resource, needs_recreate: true };
      case 'unreachable':
        if (result.host !== null) unreachableHosts.set(result.host, result.why);
        return resource;
      case 'failed':
        failures.push(`${resourceKey(resource)}: ${result.error}`);
        return resource;
      default:
        return assertNever(result);
    }
  });
  if (failures.length > 0) {
    failures.sort();
    throw new PgctlError('operation_failed', `Looking at what is there failed: ${failures[0] ?? ''}`, {
      hint: 'Nothing was changed. Remove the cause and run the command again.',
      details: failures,
    });
  }
  return { state: refreshed, unreachableHosts };
}

/**
 * How many events need each of the hosts that do not answer. Two kinds of events need no host: one whose container
 * goes too has nothing to do, and one on a primary looks it up when it runs, so that it follows a failover away
 * from the host.
 */
export function neededOf(
  plans: readonly Plan[],
  unreachableHosts: ReadonlyMap<string, string>,
): ReadonlyMap<string, number> {
  const events = new Map<string, number>();
  for (const { reason, resource } of plans.flat(2)) {
    if (resource.executor.kind !== 'host' || reason === 'container_deleted') continue;
    const { host } = resource.executor;
    if (unreachableHosts.has(host)) events.set(host, (events.get(host) ?? 0) + 1);
  }
  return events;
}

/** Throws `host_unreachable` where an event needs a host that does not answer. */
export function assertReachable(plans: readonly Plan[], unreachableHosts: ReadonlyMap<string, string>): void {
  const events = neededOf(plans, unreachableHosts);
  const hosts = [...events.keys()].sort();
  if (hosts.length === 0) return;
  const [verb, them] = hosts.length === 1 ? ['does', 'it'] : ['do', 'them'];
  const recover = ['pgctl recover', ...hosts.map((host) => `--remove-host ${host}`)].join(' ');
  throw new PgctlError(
    'host_unreachable',
    `${hosts.join(', ')} ${verb} not answer, and the plan needs ${them}.`,
    {
      hint: `Bring ${them} back and run the command again; if lost for good: ${recover}`,
      details: hosts.map(
        (host) => `${unreachableHosts.get(host) ?? host} (${String(events.get(host))} planned events)`,
      ),
    },
  );
}
