import type { Store } from '../store/store.ts';
import type { Transport } from '../transport/transport.ts';
import { targetOf } from './on-host.ts';

/**
 * Opens the connections to hosts that an operation is about while the rest of it gets ready. Once the lock is held,
 * and not before: who is refused touches no host. Nothing runs there by that, and what is wrong with a host, or with
 * etcd, is for whoever needs them to say.
 */
export async function connectEarly(
  { store, transport }: { readonly store: Store; readonly transport: Transport },
  hosts: readonly string[],
): Promise<void> {
  await Promise.allSettled(
    hosts.map(async (id) => {
      const host = await store.hosts.get(id);
      if (host !== null) transport.connect(targetOf(host.value));
    }),
  );
}
