import type { Resource } from '../plan/resource.ts';
import { attributesOf, buildResource, type ResourceType } from './type.ts';

export interface PatroniScopeAttributes {
  /** `<database>.<node>`: Patroni's name for the cluster, and the prefix of its keys. */
  readonly scope: string;
}

/**
 * Patroni's keys of one node in etcd. Patroni writes them; this resource sees to it that a new cluster does
 * not find an older one's (an `/initialize` key would keep it from ever electing a leader), and that nothing
 * stays behind. It is made before every unit of the node and removed after the last of them is gone.
 */
export const patroniScopeType: ResourceType = {
  type: 'patroni_scope',
  version: 1,
  verbs: { create: "clear Patroni's keys", update: "keep Patroni's keys", delete: "remove Patroni's keys" },
  refresh: () => null,
  create: (resource) => [{ kind: 'drop_keys', scope: attributesOf<PatroniScopeAttributes>(resource).scope }],
  // A running cluster's keys are its own: an update must never touch them.
  inert: (type) => type === 'update',
  update: () => [],
  delete: (resource) => [{ kind: 'drop_keys', scope: attributesOf<PatroniScopeAttributes>(resource).scope }],
};

export function patroniScope(scope: string): Resource {
  return buildResource(patroniScopeType, {
    id: scope,
    executor: { kind: 'controller' },
    attributes: { scope },
  });
}
