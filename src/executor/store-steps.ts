import { assertNever, PgctlError } from '../errors.ts';
import { ETCD_USER_TYPE, type EtcdUserAttributes } from '../resources/etcd-user.ts';
import { attributesOf } from '../resources/type.ts';
import type { StoreStep } from '../steps/step.ts';
import type { DatabaseLock } from '../store/lock.ts';
import type { PatroniCluster } from '../store/patroni.ts';
import type { DatabaseSnapshot, Store } from '../store/store.ts';

/** What steps that change etcd work with. */
interface UnderLock {
  readonly store: Store;
  readonly lock: DatabaseLock;
}

/** How often a leader may change while lost hosts are taken out of its cluster. */
const DEPOSING_ATTEMPTS = 5;

/**
 * Takes lost hosts out of Patroni's clusters: the next leader comes now, and not when a lease ends. Where
 * instances have users of their own in etcd, those of the lost ones go first, so that a host which was only
 * cut off cannot take its place again.
 */
export async function deposeHosts(
  under: UnderLock & { readonly snapshot: DatabaseSnapshot },
  lostHosts: ReadonlySet<string>,
): Promise<void> {
  const { snapshot } = under;
  for (const { value } of snapshot.resources) {
    if (value.type !== ETCD_USER_TYPE) continue;
    const { user, scope, member } = attributesOf<EtcdUserAttributes>(value);
    if (lostHosts.has(member)) await changeStore(under, { kind: 'drop_etcd_user', user, scope, member });
  }
  for (const cluster of snapshot.patroni) {
    await deposeFrom(under, cluster, lostHosts);
  }
}

async function deposeFrom(
  { store, lock }: UnderLock,
  { databaseId, nodeName }: PatroniCluster,
  lostHosts: ReadonlySet<string>,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const cluster = await store.patroni.get(databaseId, nodeName);
    const writes = cluster === null ? [] : store.patroni.depose(cluster, lostHosts);
    try {
      if (writes.length > 0) await lock.commit(writes);
      return;
    } catch (error) {
      // Patroni was faster: whoever leads now may well be one of those that are left.
      if (!(error instanceof PgctlError && error.code === 'stale') || attempt === DEPOSING_ATTEMPTS)
        throw error;
    }
  }
}

/** Carries out a step that changes etcd, while the lock is held. */
export async function changeStore({ store, lock }: UnderLock, step: StoreStep): Promise<void> {
  // etcd's users cannot be changed in a transaction that compares the lock.
  lock.assertHeld();
  switch (step.kind) {
    case 'drop_keys':
      await lock.commit([store.patroni.drop(step.scope, step.member)]);
      return;
    case 'put_etcd_user': {
      const { user, password, scope_prefix: scopePrefix, guard_key: guardKey } = step;
      await store.etcdUsers.put({ user, password, scopePrefix, guardKey });
      return;
    }
    case 'drop_etcd_user':
      await store.etcdUsers.drop(step.user);
      await store.patroni.revokeLeases(step.scope, step.member);
      return;
    default:
      assertNever(step);
  }
}
