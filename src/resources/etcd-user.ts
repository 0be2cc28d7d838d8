import type { Resource } from '../plan/resource.ts';
import type { Step } from '../steps/step.ts';
import { attributesOf, buildResource, type LifecycleContext, type ResourceType } from './type.ts';

export interface EtcdUserAttributes {
  readonly instance_id: string;
  /** Name of the user and of its role. */
  readonly user: string;
  /** Patroni's name for the cluster. */
  readonly scope: string;
  /** Host's id, which is the member's name. */
  readonly member: string;
  /** Prefix of the keys that it may read and write. */
  readonly scope_prefix: string;
  /** Key that it may read besides. */
  readonly guard_key: string;
  /** Name of the secret that holds its password. */
  readonly password: string;
  /** Of the password, so that a new one is a difference. */
  readonly password_digest: string;
}

export const ETCD_USER_TYPE = 'etcd_user';

/** Name of the secret that holds the password of an instance's etcd user. */
export const etcdSecret = (instanceId: string): string => `etcd.${instanceId}`;

/** What an instance is called in etcd. Several stores can be in one etcd, each with a prefix of its own. */
export const etcdUserName = (prefix: string, instanceId: string): string =>
  `${prefix.replace(/^\//, '')}/${instanceId}`;

function put(resource: Resource, context: LifecycleContext): Step[] {
  const { user, scope_prefix, guard_key, password } = attributesOf<EtcdUserAttributes>(resource);
  const secret = context.secret(password);
  return [{ kind: 'put_etcd_user', user, scope_prefix, guard_key, password: secret }];
}

/**
 * An instance's own user in etcd, where etcd has users at all. Its role reaches the keys of its Patroni cluster
 * only, so taking it away locks the instance out, wherever its host is: Patroni ends its leadership once it
 * cannot hold it any more. It is made before the unit and removed after it, or with a host that was lost.
 */
export const etcdUserType: ResourceType = {
  type: ETCD_USER_TYPE,
  version: 1,
  verbs: { create: 'admit to etcd', update: 'admit to etcd', delete: 'lock out of etcd' },
  refresh: () => null,
  create: put,
  update: (resource, _previous, context) => put(resource, context),
  delete(resource) {
    const { user, scope, member } = attributesOf<EtcdUserAttributes>(resource);
    return [{ kind: 'drop_etcd_user', user, scope, member }];
  },
};

export function etcdUser(attributes: EtcdUserAttributes): Resource {
  return buildResource(etcdUserType, {
    id: attributes.instance_id,
    executor: { kind: 'controller' },
    attributes,
  });
}
