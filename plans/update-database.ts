import type { JsonObject } from '../src/json.ts';
import type { Resource, ResourceKey } from '../src/plan/resource.ts';
import { resourceKey } from '../src/plan/resource.ts';
import type { ClusterConfigAttributes } from '../src/resources/cluster-config.ts';
import type { InstanceAttributes } from '../src/resources/instance.ts';
import { type DynamicParameter, STANDBY_PARAMETERS } from '../src/spec/parameters.ts';

export interface UpdateInput {
  /** The database as it is wanted in the end; see `desiredState`. */
  readonly desired: readonly Resource[];
  /** As it is stored. */
  readonly current: ReadonlyMap<ResourceKey, Resource>;
  /** Host of each node's primary, by scope; absent for a node that has none now. */
  readonly primaries: ReadonlyMap<string, string>;
}

type Parameters = Readonly<Partial<Record<DynamicParameter, string>>>;

/** One round over all instances of a node that are there already. */
interface Round {
  /** Values to have in between, instead of the final ones. */
  readonly parameters: Parameters;
  readonly order: 'primary first' | 'primary last';
}

/**
 * Changing a database that is there: existing replicas one at a time, then the primary, then all the rest, new
 * replicas among it; what is no longer wanted goes last. Where a parameter is lowered that no replica may have
 * lower than its primary, the primary comes first; where others are raised in the same change, a round with the
 * greater of both values goes before.
 *
 * A node without a primary is changed at once: its members are down, and sort out among themselves who leads
 * when they are up.
 */
export function updateDatabase(input: UpdateInput): Resource[][] {
  const { desired, current } = input;
  const rolling = desired
    .filter(({ type }) => type === 'cluster_config')
    .flatMap((config) => rollNode(input, config));
  const changes = rolling.filter((state) => state.some((resource) => current.has(resourceKey(resource))));
  return [...changes, [...desired]];
}

function rollNode({ desired, current, primaries }: UpdateInput, config: Resource): Resource[][] {
  const scope = config.id;
  const primary = primaries.get(scope);
  if (primary === undefined) return [];
  const there = desired.filter(
    (resource) =>
      resource.type === 'instance' &&
      resource.id.startsWith(`${scope}.`) &&
      current.has(resourceKey(resource)),
  );
  const isPrimary = (resource: Resource): boolean =>
    (resource.attributes as unknown as InstanceAttributes).member === primary;
  const replicas = there.filter((resource) => !isPrimary(resource));
  const leads = there.filter(isPrimary);
  return roundsOf(current.get(resourceKey(config)), config).flatMap(({ parameters, order }) => [
    ...(current.has(resourceKey(config)) ? [[withParameters(config, parameters)]] : []),
    ...(order === 'primary first' ? [...leads, ...replicas] : [...replicas, ...leads]).map(({ id }) =>
      // Everything of an instance has its id.
      desired
        .filter((resource) => resource.id === id)
        .map((resource) => withParameters(resource, parameters)),
    ),
  ]);
}

const parametersOf = (config: Resource): Parameters => {
  const { postgresql } = (config.attributes as unknown as ClusterConfigAttributes).config;
  return (postgresql as { readonly parameters: Parameters }).parameters;
};

function roundsOf(before: Resource | undefined, after: Resource): Round[] {
  if (before === undefined) return [{ parameters: {}, order: 'primary last' }];
  const [from, to] = [parametersOf(before), parametersOf(after)];
  const change = (name: DynamicParameter): number => Number(to[name]) - Number(from[name]);
  const lowered = STANDBY_PARAMETERS.filter((name) => change(name) < 0);
  const raised = STANDBY_PARAMETERS.filter((name) => change(name) > 0);
  if (lowered.length === 0) return [{ parameters: {}, order: 'primary last' }];
  const kept = Object.fromEntries(lowered.map((name) => [name, from[name] ?? '']));
  return [
    ...(raised.length > 0 ? [{ parameters: kept, order: 'primary last' } as const] : []),
    { parameters: {}, order: 'primary first' },
  ];
}

/** A resource with other values of some parameters, wherever it has them. */
function withParameters(resource: Resource, parameters: Parameters): Resource {
  if (Object.keys(parameters).length === 0) return resource;
  const { attributes } = resource;
  if (resource.type === 'cluster_config') {
    const config = attributes['config'] as JsonObject;
    const postgresql = config['postgresql'] as JsonObject;
    const merged = { ...(postgresql['parameters'] as JsonObject), ...parameters };
    const next = { ...config, postgresql: { ...postgresql, parameters: merged } };
    return { ...resource, attributes: { ...attributes, config: next } };
  }
  if (resource.type !== 'instance') return resource;
  const settings = attributes['settings'] as JsonObject;
  const merged = { ...(settings['parameters'] as JsonObject), ...parameters };
  return { ...resource, attributes: { ...attributes, settings: { ...settings, parameters: merged } } };
}
