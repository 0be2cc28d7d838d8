import { PgctlError } from '../errors.ts';
import type { Store } from '../store/store.ts';

/** A step that a host refused, because it had seen a newer operation on the same database. */
export interface Refused {
  readonly hostId: string;
  /** The newer operation's token. */
  readonly seen: string;
  readonly error: string;
}

/**
 * What it means that a host has seen a newer operation. Usually there was one, and this one's lock is lost. But
 * where etcd was put back to an earlier state, as from a snapshot, its revisions are counted anew from there, and
 * the host remembers some that etcd knows nothing of: it would refuse everything until they are reached again.
 * Then the store gets a new id, under which hosts begin anew, and the next operation goes on.
 */
export async function overtaken(
  store: Store,
  storeId: string,
  { hostId, seen, error }: Refused,
): Promise<PgctlError> {
  const putBackTo = await store.renewIfPutBack(storeId, seen);
  if (putBackTo === null) return new PgctlError('lock_lost', error);
  return new PgctlError(
    'stale',
    `${hostId}: it has seen a later operation (${seen}) than etcd knows of (${putBackTo}): etcd was put back to an earlier state, as from a snapshot; nothing was done there. Hosts may have more than the records say; \`pgctl doctor\` tells. Hosts follow this etcd from the next command on`,
  );
}
