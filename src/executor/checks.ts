import { PgctlError } from '../errors.ts';
import type { Plan, PlanEvent } from '../plan/plan.ts';
import { assertReachable, neededOf } from '../plan/refresh.ts';
import { resourceKey, type ResourceKey } from '../plan/resource.ts';
import { dataSize } from '../resources/data-size.ts';
import { directoryType } from '../resources/directory.ts';
import { typeOf } from '../resources/registry.ts';
import { contextAt, scopeOf } from './lifecycle.ts';
import { inspectResources, type Looking } from './refresh.ts';

/** One host's reason why the operation cannot begin. */
export interface HostFinding {
  readonly host: string;
  readonly message: string;
}

/** The error that lists what every host lacks (exit 6). Nothing was changed when it is thrown. */
export function hostsUnusable(
  findings: readonly HostFinding[],
  unreachable: readonly HostFinding[] = [],
): PgctlError {
  const all = [...unreachable, ...findings];
  const hosts = new Set(all.map(({ host }) => host));
  const names = [...hosts].sort().join(', ');
  const code = unreachable.length > 0 ? 'host_unreachable' : 'host_unusable';
  const what = unreachable.length > 0 ? 'cannot be reached or used' : 'cannot be used as it is';
  return new PgctlError(
    code,
    `${hosts.size === 1 ? `host ${names}` : `hosts ${names}`} ${what}; nothing was changed`,
    {
      details: all.map(({ host, message }) => `${host}: ${message}`).sort(),
      hint: 'Mend what is listed, then run the command again.',
    },
  );
}

/** A node's primary as Patroni says: where the data of a new replica comes from. */
export interface Primary {
  /** `<database>.<node>` */
  readonly scope: string;
  readonly leader: string | null;
}

/** What is to be checked. */
export interface Checked {
  readonly plans: readonly Plan[];
  readonly primaries: readonly Primary[];
  /** Why, by host, the refresh got no answer there: they are not asked again. */
  readonly unreachableHosts: ReadonlyMap<string, string>;
}

/**
 * Asks every host, before anything is marked, whether what is to be done there can be. Only reads; throws with
 * the findings of all hosts at once, those that do not answer and are needed among them.
 */
export async function checkPlans(
  looking: Looking,
  { plans, primaries, unreachableHosts }: Checked,
): Promise<void> {
  const asked = new Map(
    [...questions(plans)].filter(
      ([
        ,
        {
          resource: { executor },
        },
      ]) => executor.kind !== 'host' || !unreachableHosts.has(executor.host),
    ),
  );
  const sizes = await sizesOf(looking, [...asked.values()], primaries);
  const answers = await inspectResources({
    ...looking,
    resources: [...asked.values()].map(({ resource }) => ({
      ...resource,
      needs_recreate: false,
      error: null,
    })),
    inspect(resource) {
      const previous = asked.get(resourceKey(resource))?.previous ?? null;
      const copyBytes = resource.type === directoryType.type ? (sizes.get(scopeOf(resource)) ?? null) : null;
      return (
        typeOf(resource).check?.(
          resource,
          { previous, copyBytes },
          contextAt({ kind: 'controller' }, resource, looking.around),
        ) ?? null
      );
    },
  });
  const findings = new Map<string, HostFinding>();
  const unreachable = new Map<string, HostFinding>();
  for (const [key, answer] of answers) {
    const resource = asked.get(key)?.resource;
    const host = resource?.executor.kind === 'host' ? resource.executor.host : '';
    const messages =
      answer.kind === 'ok' ? answer.value.map((finding) => finding.message) : [strip(host, answer.error)];
    const into = answer.kind === 'unreachable' ? unreachable : findings;
    for (const message of messages) into.set(`${host} ${message}`, { host, message });
  }
  if (findings.size + unreachable.size > 0) {
    const silent = [...neededOf(plans, unreachableHosts).keys()].map((host) => ({
      host,
      message: strip(host, unreachableHosts.get(host) ?? ''),
    }));
    throw hostsUnusable([...findings.values()], [...unreachable.values(), ...silent]);
  }
  assertReachable(plans, unreachableHosts);
}

/** What is to be made or changed, as it will be in the end and as it is now. */
function questions(plans: readonly Plan[]): Map<ResourceKey, PlanEvent> {
  const asked = new Map<ResourceKey, PlanEvent>();
  for (const event of plans.flat(2)) {
    const key = resourceKey(event.resource);
    const before = asked.get(key);
    if (event.type !== 'delete')
      asked.set(key, before === undefined ? event : { ...before, resource: event.resource });
  }
  return asked;
}

/** How much data a replica that is made now has to copy, by its node; those whose primary's host does not say are left out. */
async function sizesOf(
  looking: Looking,
  asked: readonly PlanEvent[],
  primaries: readonly Primary[],
): Promise<Map<string, number>> {
  const fresh = new Set(
    asked
      .filter(({ type, resource }) => type === 'create' && resource.type === directoryType.type)
      .map(({ resource }) => scopeOf(resource)),
  );
  const sources = primaries.flatMap(({ scope, leader }) => {
    const source = leader === null ? undefined : looking.around.state.get(`directory/${scope}.${leader}`);
    return source !== undefined && fresh.has(scope) ? [source] : [];
  });
  const found = await inspectResources({ ...looking, resources: sources, inspect: dataSize });
  return new Map(
    sources.flatMap((source): [string, number][] => {
      const answer = found.get(resourceKey(source));
      return answer?.kind === 'ok' && answer.value !== null ? [[scopeOf(source), answer.value]] : [];
    }),
  );
}

const strip = (host: string, message: string): string =>
  message.startsWith(`${host}: `) ? message.slice(host.length + 2) : message;
