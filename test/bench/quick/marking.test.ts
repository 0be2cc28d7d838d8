import { Etcd3 } from 'etcd3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Etcd, startEtcd } from '../../store/etcd.ts';
import { database, draft, event, lockOf, NOW, storeOn, task } from '../../store/fixtures.ts';
import { compare } from '../comparison.ts';

const INSTANCES = 10_000;
const PER_TRANSACTION = 100;

let etcd: Etcd;

beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(async () => etcd?.stop());

/** Keys and values as marking writes them, for the other side to write. */
let written: [string, Buffer][] = [];

async function mark(round: number): Promise<number> {
  const store = storeOn(etcd);
  try {
    await store.prepareToChange();
    const lock = await lockOf(store);
    const ids = Array.from({ length: INSTANCES }, (_, n) => `shop.n1.host-${n}`);
    const work = {
      plans: [[ids.map((id) => event('create', 'instance', id))]],
      now: NOW,
      database: { current: null, next: database('shop', { state: 'creating' as const }) },
      task: { current: null, next: task('t1') },
      instances: [],
      drafts: ids.map(draft),
      with: [],
    };
    const since = performance.now();
    const { marked } = await store.updatePlannedInstanceStates(lock, work);
    const took = performance.now() - since;
    expect(marked.size).toBe(INSTANCES);
    if (round === 0) {
      const found = await store.kv.range(store.keys.instances());
      written = found.map(({ key, value }) => [key, value]);
      expect(written).toHaveLength(INSTANCES);
    }
    await lock.release();
    return took;
  } finally {
    store.close();
  }
}

async function put(round: number): Promise<number> {
  const client = new Etcd3({ hosts: etcd.endpoint });
  try {
    const since = performance.now();
    for (let at = 0; at < INSTANCES; at += PER_TRANSACTION) {
      const puts = written
        .slice(at, at + PER_TRANSACTION)
        .map(([key, value]) => client.put(`/bare-${round}${key}`).value(value));
      await client
        .if('/none', 'Version', '==', 0)
        .then(...puts)
        .commit();
    }
    return performance.now() - since;
  } finally {
    client.close();
  }
}

it(
  'marking ten thousand instances takes little more than their bare writes',
  { timeout: 120_000 },
  async () => {
    await mark(0);
    let [ours, theirs] = [0, 0];
    await compare({
      what: `marking ${INSTANCES.toLocaleString('en')} instance records`,
      against: `the same puts in bare transactions of ${PER_TRANSACTION}`,
      atMost: 1.3,
      rounds: 5,
      ours: () => mark(++ours),
      theirs: () => put(++theirs),
    });
  },
);
