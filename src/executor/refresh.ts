import { planRefresh, type RefreshResult } from '../plan/refresh.ts';
import { resourceKey, type ResourceKey, type StoredResource } from '../plan/resource.ts';
import { typeOf } from '../resources/registry.ts';
import type { Inspection } from '../resources/type.ts';
import type { HostStep } from '../steps/step.ts';
import type { Transport } from '../transport/transport.ts';
import { contextAt, type Surroundings } from './lifecycle.ts';
import { assertInTime, lookLimitMs, runOnHost } from './on-host.ts';

/** Looking takes no longer than this on a host, in milliseconds. */
const LOOK_LIMIT_MS = 60_000;

interface Looked<T> {
  readonly resource: StoredResource;
  readonly inspection: Inspection<T>;
}

/** What an inspection of a resource on a host came to. */
export type Inspected<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'unreachable'; readonly error: string }
  | { readonly kind: 'failed'; readonly error: string };

/** What looking works with. */
export interface Looking {
  readonly transport: Transport;
  readonly around: Surroundings;
  readonly bounds: LookBounds;
}

/** What ends a look before it is done. */
export interface LookBounds {
  /** Of one step; null for the limit that every look has. */
  readonly limitMs: number | null;
  readonly signal?: AbortSignal;
}

export interface InspectRequest<T> extends Looking {
  readonly resources: readonly StoredResource[];
  readonly inspect: (resource: StoredResource, around: Surroundings) => Inspection<T> | null;
}

/**
 * Runs read-only inspections, one child a host for all of its resources. Resources without one, and those
 * that are not on a host of their own, are left out of the answer.
 */
export async function inspectResources<T>(
  request: InspectRequest<T>,
): Promise<Map<ResourceKey, Inspected<T>>> {
  const byHost = new Map<string, Looked<T>[]>();
  for (const resource of request.resources) {
    if (resource.executor.kind !== 'host') continue;
    const inspection = request.inspect(resource, request.around);
    if (inspection === null) continue;
    const { host } = resource.executor;
    byHost.set(host, [...(byHost.get(host) ?? []), { resource, inspection }]);
  }
  const answers = await Promise.all([...byHost].map(([host, looked]) => inspectHost(request, host, looked)));
  return new Map(answers.flat());
}

async function inspectHost<T>(
  { transport, around, bounds }: InspectRequest<T>,
  hostId: string,
  looked: readonly Looked<T>[],
): Promise<[ResourceKey, Inspected<T>][]> {
  const all = (answer: Inspected<T>): [ResourceKey, Inspected<T>][] =>
    looked.map(({ resource }) => [resourceKey(resource), answer]);
  const host = around.hosts.get(hostId);
  if (host === undefined) return all({ kind: 'unreachable', error: `host ${hostId} is not registered` });
  const steps = looked.flatMap(({ inspection }) => inspection.steps as readonly HostStep[]);
  const limits = { limitMs: bounds.limitMs, ownMs: LOOK_LIMIT_MS };
  const result = await runOnHost({
    transport,
    host,
    steps,
    fence: null,
    limitMs: lookLimitMs(limits),
    signal: bounds.signal ?? null,
  });
  assertInTime(result, limits);
  if (result.kind === 'unreachable' || result.kind === 'unusable')
    return all({ kind: 'unreachable', error: result.error });
  if (result.kind !== 'ok') return all({ kind: 'failed', error: result.error });
  let from = 0;
  return looked.map(({ resource, inspection }): [ResourceKey, Inspected<T>] => {
    const outputs = result.outputs.slice(from, from + inspection.steps.length);
    from += inspection.steps.length;
    return [resourceKey(resource), { kind: 'ok', value: inspection.read(outputs) }];
  });
}

/** Looks at every resource on its host and says what was found. Only reads. */
export async function refreshResources(
  looking: Looking,
  lostHosts: ReadonlySet<string>,
): Promise<Map<ResourceKey, RefreshResult>> {
  const { around } = looking;
  const found = await inspectResources({
    ...looking,
    resources: planRefresh([...around.state.values()], { lostHosts }).flat(),
    inspect: (resource) =>
      typeOf(resource).refresh(resource, contextAt({ kind: 'controller' }, resource, around)),
  });
  return new Map(
    [...found].map(([key, inspected]): [ResourceKey, RefreshResult] => {
      const executor = around.state.get(key)?.executor;
      const host = executor?.kind === 'host' ? executor.host : null;
      if (inspected.kind === 'unreachable') return [key, { kind: 'unreachable', host, why: inspected.error }];
      if (inspected.kind === 'failed') return [key, { kind: 'failed', error: inspected.error }];
      return [key, inspected.value];
    }),
  );
}
