import { PgctlError } from '../../src/errors.ts';
import type { Store } from '../../src/store/store.ts';

const MISSING = 'its user may not manage users and roles in etcd, which needs the role root';

/**
 * Whether instances get users of their own in etcd: where pgctl itself has one. Without a user of its own an
 * instance would have to be given pgctl's password, which reaches everything.
 *
 * @throws PgctlError `etcd_refused` where pgctl may not make users
 */
export async function mayLockOut(store: Store): Promise<boolean> {
  const rights = await store.etcdUsers.rights();
  if (rights !== 'denied') return rights === 'granted';
  throw new PgctlError('etcd_refused', `pgctl cannot give instances users of their own: ${MISSING}`, {
    hint: 'Grant it: `etcdctl user grant-role <pgctl’s user> root`; or give pgctl a user that has it, see --etcd-user. Nothing was changed.',
  });
}

/** What stands in the way of locking instances out of etcd, for the findings of every host. */
export async function lockOutFindings(store: Store): Promise<readonly string[]> {
  if ((await store.etcdUsers.rights()) !== 'denied') return [];
  return [
    `a lost host cannot be locked out of etcd, and no database be created: pgctl has no right to: ${MISSING}`,
  ];
}
