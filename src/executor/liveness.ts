import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { HostRecord } from '../records/types.ts';
import type { PatroniCluster } from '../store/patroni.ts';
import type { Store } from '../store/store.ts';
import type { Transport } from '../transport/transport.ts';
import { runOnHost } from './on-host.ts';

/** Patroni renews the lease of its keys every loop_wait (10 s), for its ttl (30 s); see `clusterSettings`. */
const LOOP_WAIT_MS = 10_000;
/** What a loop may take longer than its time before it counts as missed. */
const GRACE_MS = 2_000;
const LEASE_SECONDS = 30;
const POLL_MS = 500;

/** What shows that a host is not lost; null for nothing. */
export async function signOfLife(given: {
  readonly store: Store;
  readonly transport: Transport;
  readonly host: HostRecord;
  readonly clusters: readonly PatroniCluster[];
}): Promise<string | null> {
  const [answer, renewal] = await Promise.all([answers(given), renews(given)]);
  return answer ?? renewal;
}

async function answers({
  transport,
  host,
}: {
  readonly transport: Transport;
  readonly host: HostRecord;
}): Promise<string | null> {
  const result = await runOnHost({
    transport,
    host,
    steps: [{ kind: 'script', name: 'answer', script: ':', args: [], account: 'admin' }],
    fence: null,
    limitMs: LOOP_WAIT_MS,
    signal: null,
  });
  return result.kind === 'unreachable' || result.kind === 'unknown' ? null : 'it answers over ssh';
}

/**
 * Whether a Patroni on the host still renews its lease in etcd: a host that is merely cut off from pgctl does,
 * and its primary goes on accepting writes. That takes a loop to see.
 */
async function renews({
  store,
  host,
  clusters,
}: {
  readonly store: Store;
  readonly host: HostRecord;
  readonly clusters: readonly PatroniCluster[];
}): Promise<string | null> {
  const leases = clusters.flatMap(({ scope, members }) =>
    members.filter(({ name }) => name === host.host_id).map(({ leaseId }) => ({ scope, leaseId })),
  );
  const found = await Promise.all(
    leases.map(async ({ scope, leaseId }) => ((await isRenewed(store, leaseId)) ? scope : null)),
  );
  const scope = found.find((each) => each !== null);
  return scope === undefined ? null : `its Patroni of ${scope} still renews its lease in etcd`;
}

async function isRenewed(store: Store, leaseId: string): Promise<boolean> {
  const end = performance.now() + LOOP_WAIT_MS + GRACE_MS;
  const silent = LEASE_SECONDS - (LOOP_WAIT_MS + GRACE_MS) / 1000;
  let last = await store.patroni.leaseTtl(leaseId);
  // What is older than a loop was not renewed in time; what gets younger is.
  while (last > silent && performance.now() < end) {
    await delay(POLL_MS);
    const ttl = await store.patroni.leaseTtl(leaseId);
    if (ttl > last) return true;
    last = ttl;
  }
  return last > silent;
}
