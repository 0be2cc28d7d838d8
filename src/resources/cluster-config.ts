import type { JsonObject } from '../json.ts';
import type { Resource, ResourceKey } from '../plan/resource.ts';
import type { Step } from '../steps/step.ts';
import { clientStep } from './instance.ts';
import { attributesOf, buildResource, type LifecycleContext, type ResourceType } from './type.ts';

export interface ClusterConfigAttributes {
  readonly scope: string;
  /** What Patroni keeps in etcd for the whole cluster, the parameters that all members share among it. */
  readonly config: JsonObject;
}

function configure(resource: Resource, context: LifecycleContext): Step[] {
  const { scope, config } = attributesOf<ClusterConfigAttributes>(resource);
  return [
    clientStep(context.instance(), context, {
      name: `configure Patroni's cluster ${scope}`,
      command: 'configure',
      input: { config },
    }),
  ];
}

/**
 * Patroni's configuration of a whole cluster. A new cluster starts with it (see the `bootstrap` section of the
 * first member); later changes go through Patroni. What of it needs a restart, the instances see to.
 */
export const clusterConfigType: ResourceType = {
  type: 'cluster_config',
  version: 1,
  verbs: { create: 'configure cluster', update: 'configure cluster', delete: 'drop configuration' },
  refresh: () => null,
  // A cluster that begins was begun with it.
  create: (resource, context) => (context.nodeBegins() ? [] : configure(resource, context)),
  update: (resource, _previous, context) => configure(resource, context),
  inert: (type) => type === 'delete',
  // It goes with the cluster's keys.
  delete: () => [],
};

export function clusterConfig(attributes: ClusterConfigAttributes, after: readonly ResourceKey[]): Resource {
  return buildResource(clusterConfigType, {
    id: attributes.scope,
    executor: { kind: 'primary', node: attributes.scope },
    attributes,
    after,
    contained_in: `node/${attributes.scope}`,
  });
}
