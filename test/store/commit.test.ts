import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ManyWrites } from '../../src/store/chunks.ts';
import { MAX_WRITES } from '../../src/store/commit.ts';
import type { TxnRequest } from '../../src/store/kv.ts';
import type { Store } from '../../src/store/store.ts';
import type { Write } from '../../src/store/write.ts';
import { startEtcd, type Etcd } from './etcd.ts';
import { database, errorOf, host, instance, lockOf, NOW, storeOn, task } from './fixtures.ts';
import { lossyProxy, type LossyProxy } from './proxy.ts';

let etcd: Etcd;
let proxy: LossyProxy;
const stores: Store[] = [];

function open(): Store {
  const store = storeOn(etcd);
  stores.push(store);
  return store;
}

/** The same store as seen through the proxy. */
function through(store: Store): Store {
  const other = storeOn(proxy, { prefix: store.prefix });
  stores.push(other);
  return other;
}

async function valueOf(store: Store, key: string): Promise<string | null> {
  return (await store.kv.get(key))?.value.toString() ?? null;
}

beforeAll(async () => {
  etcd = await startEtcd();
  proxy = await lossyProxy(etcd.port);
});
afterAll(async () => {
  for (const store of stores) store.close();
  await proxy.close();
  await etcd.stop();
});

describe('a commit', () => {
  test('writes everything at one revision, which it returns', async () => {
    const store = open();
    const lock = await lockOf(store);
    const revision = await lock.commit([
      store.databases.write(database('shop'), 'absent'),
      store.instances.write(instance('shop.n1.host-1'), 'absent'),
    ]);
    expect((await store.databases.get('shop'))?.modRevision).toBe(revision);
    expect((await store.instances.get('shop.n1.host-1'))?.modRevision).toBe(revision);
    const next = await lock.commit([
      store.databases.write(database('shop', { state: 'failed' }), { modRevision: revision }),
    ]);
    expect(BigInt(next)).toBeGreaterThan(BigInt(revision));
    await lock.release();
  });

  test('of what changed since it was read is stale, names the key and writes nothing', async () => {
    const store = open();
    const lock = await lockOf(store);
    const revision = await lock.commit([store.databases.write(database('shop'), 'absent')]);
    await lock.commit([store.databases.write(database('shop', { error: 'x' }), { modRevision: revision })]);
    const error = await errorOf(
      lock.commit([
        store.instances.write(instance('shop.n1.host-1'), 'absent'),
        store.databases.write(database('shop', { error: 'y' }), { modRevision: revision }),
      ]),
    );
    expect(error).toMatchObject({
      code: 'stale',
      message: `${store.keys.database('shop')} was changed by somebody else in the meantime`,
    });
    expect(await store.instances.get('shop.n1.host-1')).toBeNull();
    expect((await store.databases.get('shop'))?.value.error).toBe('x');
    await lock.release();
  });

  test.each([
    ['made', 'absent', true],
    ['removed', { modRevision: '1' }, false],
  ] as const)('of what was %s in the meantime says so', async (what, expected, there) => {
    const store = open();
    const lock = await lockOf(store);
    if (there) await lock.commit([store.databases.write(database('shop'), 'absent')]);
    expect(await errorOf(lock.commit([store.databases.write(database('shop'), expected)]))).toMatchObject({
      code: 'stale',
      message: `${store.keys.database('shop')} was ${what} by somebody else in the meantime`,
    });
    await lock.release();
  });

  test('after the lock was lost fails, says who has it now, and writes nothing', async () => {
    const store = open();
    const lock = await lockOf(store);
    await store.kv.revokeLease(lock.leaseId);
    const other = await lockOf(store, 'shop', { who: 'bob', task_id: 't2' });
    expect(BigInt(other.token)).toBeGreaterThan(BigInt(lock.token));
    const error = await errorOf(lock.commit([store.databases.write(database('shop'), 'absent')]));
    expect(error).toMatchObject({ code: 'lock_lost', taskId: 't1' });
    expect((error as Error).message).toContain('now held by bob from here');
    expect(await store.databases.get('shop')).toBeNull();
    expect(lock.lost).toBe(true);
    expect(() => {
      lock.assertHeld();
    }).toThrow(expect.objectContaining({ code: 'lock_lost' }));
    await lock.release();
    expect(await valueOf(store, other.key)).not.toBeNull();
    await other.commit([store.databases.write(database('shop'), 'absent')]);
    await other.release();
  });

  test('of a reserved port says whose it is; of two at once exactly one gets it', async () => {
    const store = open();
    const ids = ['a', 'b'];
    const locks = await Promise.all(ids.map((id) => lockOf(store, id)));
    const outcomes = await Promise.allSettled(
      locks.map((lock, index) =>
        lock.commit([
          store.databases.write(database(ids[index] ?? ''), 'absent'),
          store.ports.reserve({ host: 'host-1', port: 5432, instance_id: `${ids[index] ?? ''}.n1.host-1` }),
        ]),
      ),
    );
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused).toHaveLength(1);
    const winner = outcomes[0]?.status === 'fulfilled' ? 'a' : 'b';
    expect(refused[0]?.reason).toMatchObject({
      code: 'port_taken',
      message: `port 5432 of host host-1 is taken by ${winner}.n1.host-1`,
    });
    expect((await store.databases.list()).items.map(({ value }) => value.database_id)).toEqual([winner]);
    await Promise.all(locks.map((lock) => lock.release()));
  });

  test('takes as many writes as etcd does and not one more', async () => {
    const store = open();
    const lock = await lockOf(store);
    const writes = Array.from({ length: MAX_WRITES }, (_, index) =>
      store.instances.write(instance(`shop.n1.h${index}`), 'absent'),
    );
    await lock.commit(writes);
    expect((await store.instances.listOf('shop')).items).toHaveLength(MAX_WRITES);
    const one = store.databases.write(database('shop'), 'absent');
    expect(await errorOf(lock.commit([...writes, one]))).toMatchObject({ code: 'internal' });
    await lock.release();
  });

  test('from several at once goes one after another', async () => {
    const store = open();
    const lock = await lockOf(store);
    const revisions = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        lock.commit([store.instances.write(instance(`shop.n1.h${index}`), 'absent')]),
      ),
    );
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => Number(BigInt(a) - BigInt(b))));
    await lock.release();
  });
});

describe('more writes than etcd takes at once', () => {
  const many = (store: Store): Write[] =>
    Array.from({ length: 300 }, (_, index) => store.instances.write(instance(`shop.n1.h${index}`), 'absent'));

  test('go in several transactions, with what makes them count in the last', async () => {
    const store = open();
    const lock = await lockOf(store);
    const revisions = await lock.commitChunked(many(store), [
      store.databases.write(database('shop'), 'absent'),
      store.tasks.write(task('t1'), 'absent'),
    ]);
    expect(revisions.size).toBe(302);
    expect(new Set(revisions.values()).size).toBe(3);
    const last = revisions.get(store.keys.task('t1')) ?? '';
    expect(revisions.get(store.keys.database('shop'))).toBe(last);
    expect([...revisions.values()].every((revision) => BigInt(revision) <= BigInt(last))).toBe(true);
    expect((await store.instances.listOf('shop')).items).toHaveLength(300);
    await lock.release();
  });

  test('leave nothing that they made where a later transaction is refused', async () => {
    const store = open();
    const lock = await lockOf(store);
    const other = await lockOf(store, 'other');
    await other.commit([store.ports.reserve({ host: 'host-1', port: 5432, instance_id: 'other.n1.host-1' })]);
    const error = await errorOf(
      lock.commitChunked(
        [...many(store), store.ports.reserve({ host: 'host-1', port: 5432, instance_id: 'shop.n1.host-1' })],
        [store.tasks.write(task('t1'), 'absent')],
      ),
    );
    expect(error).toMatchObject({ code: 'port_taken' });
    expect((await store.instances.listOf('shop')).items).toEqual([]);
    expect(await store.tasks.get('t1')).toBeNull();
    await Promise.all([lock.release(), other.release()]);
  });

  test('are split by size as well', async () => {
    const store = open();
    const lock = await lockOf(store);
    const large = 'x'.repeat(400_000);
    const writes = ['1', '2', '3', '4'].map((name): Write => ({
      kind: 'put',
      key: `${store.prefix}/v1/large/${name}`,
      value: JSON.stringify(large),
      expect: 'absent',
    }));
    const revisions = await lock.commitChunked(writes, [store.tasks.write(task('t1'), 'absent')]);
    expect(new Set(revisions.values()).size).toBe(2);
    await lock.release();
  });
});

describe('very many writes', () => {
  const CHUNKS = 6;
  const own = (store: Store): Write[] =>
    Array.from({ length: CHUNKS * MAX_WRITES }, (_, index) =>
      store.instances.write(instance(`shop.n1.h${index}`), 'absent'),
    );
  const port = (store: Store): Write =>
    store.ports.reserve({ host: 'host-1', port: 5432, instance_id: 'shop.n1.host-1' });
  const work = (store: Store, contested: readonly Write[] = []): ManyWrites => ({
    contested,
    own: own(store),
    last: [store.databases.write(database('shop'), 'absent'), store.tasks.write(task('t1'), 'absent')],
  });
  const left = async (store: Store): Promise<unknown[]> => [
    (await store.instances.listOf('shop')).items.length,
    (await store.ports.list()).items.length,
    await store.databases.get('shop'),
    await store.tasks.get('t1'),
  ];
  const NOTHING = [0, 0, null, null];

  /** Calls before each transaction, with its number; what is returned is waited for. */
  function beforeEach(store: Store, act: (number: number, request: TxnRequest) => unknown): void {
    const { kv } = store;
    const txn = kv.txn.bind(kv);
    let count = 0;
    kv.txn = async (request, limitMs) => {
      await act(++count, request);
      return txn(request, limitMs);
    };
  }

  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  beforeAll(() => void process.on('unhandledRejection', note));
  afterAll(() => {
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  test('go side by side, after what others can have refused and before what makes them count', async () => {
    const store = open();
    const lock = await lockOf(store);
    const txn = vi.spyOn(store.kv, 'txn');
    let [running, most] = [0, 0];
    beforeEach(store, async () => {
      most = Math.max(most, ++running);
      await delay(20);
      running--;
    });
    const revisions = await lock.commitMany(work(store, [port(store)]));
    expect([txn.mock.calls.length, most]).toEqual([CHUNKS + 1, 4]);
    const first = BigInt(revisions.get(store.keys.port('host-1', 5432)) ?? '');
    const last = BigInt(revisions.get(store.keys.task('t1')) ?? '');
    const items = (await store.instances.listOf('shop')).items;
    expect(items).toHaveLength(CHUNKS * MAX_WRITES);
    for (const { key, modRevision } of items) {
      expect(revisions.get(key)).toBe(modRevision);
      expect(BigInt(modRevision) >= first && BigInt(modRevision) <= last).toBe(true);
    }
    // The chain goes on.
    await lock.commit([]);
    await lock.release();
  });

  test('are one transaction where that has room', async () => {
    const store = open();
    const lock = await lockOf(store);
    const few = { ...work(store, [port(store)]), own: own(store).slice(0, 10) };
    expect(new Set((await lock.commitMany(few)).values()).size).toBe(1);
    await lock.release();
  });

  test('of which others had one refused leave nothing, and begin with that', async () => {
    const store = open();
    const other = await lockOf(store, 'other');
    await other.commit([store.ports.reserve({ host: 'host-1', port: 5432, instance_id: 'other.n1.host-1' })]);
    const lock = await lockOf(store);
    const txn = vi.spyOn(store.kv, 'txn');
    expect(await errorOf(lock.commitMany(work(store, [port(store)])))).toMatchObject({ code: 'port_taken' });
    expect(txn).toHaveBeenCalledTimes(1);
    expect(await left(store)).toEqual([0, 1, null, null]);
    await Promise.all([lock.release(), other.release()]);
  });

  test('of which one is refused leave nothing, and the lock goes on', async () => {
    const store = open();
    const lock = await lockOf(store);
    const id = `shop.n1.h${2 * MAX_WRITES}`;
    const there = await lock.commit([store.instances.write(instance(id), 'absent')]);
    expect(await errorOf(lock.commitMany(work(store, [port(store)])))).toMatchObject({
      code: 'stale',
      message: `${store.keys.instance(id)} was made by somebody else in the meantime`,
    });
    expect(await left(store)).toEqual([1, ...NOTHING.slice(1)]);
    await lock.commit([{ kind: 'delete', key: store.keys.instance(id), expect: { modRevision: there } }]);
    await lock.commitMany(work(store, [port(store)]));
    await lock.release();
  });

  test('whose lock is lost in the middle do not count, and the next holder is not in their way', async () => {
    const store = open();
    const lock = await lockOf(store);
    beforeEach(store, (number) => (number === 3 ? store.kv.revokeLease(lock.leaseId) : null));
    expect(await errorOf(lock.commitMany(work(store)))).toMatchObject({ code: 'lock_lost' });
    expect((await left(store)).slice(1)).toEqual(NOTHING.slice(1));
    expect(lock.lost).toBe(true);
    const next = await lockOf(open(), 'shop');
    await next.release();
    await lock.release();
  });

  test.each([1, 2, CHUNKS])('of which the reply to number %i is lost are carried out once', async (lost) => {
    const store = open();
    const lossy = through(store);
    const lock = await lockOf(lossy);
    let dropped: Promise<void> = Promise.resolve();
    beforeEach(lossy, (number) => {
      if (number === lost) dropped = proxy.dropNextReply();
    });
    const prefix = `${store.prefix}/v1/small/`;
    // Small enough that etcd gets all of those that go beside one another before the connection breaks.
    const small = Array.from({ length: CHUNKS * MAX_WRITES }, (_, index): Write => ({
      kind: 'put',
      key: `${prefix}${index}`,
      value: '{}',
      expect: 'absent',
    }));
    const revisions = await lock.commitMany({ ...work(lossy), own: small });
    await dropped;
    const found = await store.kv.range(prefix);
    expect(found).toHaveLength(small.length);
    expect(found.filter(({ key, modRevision }) => revisions.get(key) !== modRevision)).toEqual([]);
    // One for taking the lock, one for the end: nothing of what went side by side moved it.
    expect((await store.kv.get(lock.key))?.version).toBe('2');
    await lock.release();
  });

  test('are not taken for carried out where the same was there before', async () => {
    const store = open();
    const lossy = through(store);
    const lock = await lockOf(lossy);
    await lock.commit(own(store).slice(0, MAX_WRITES));
    beforeEach(lossy, (number) => void (number === 1 && proxy.dropNextReply()));
    expect(await errorOf(lock.commitMany(work(lossy)))).toMatchObject({ code: 'stale' });
    expect((await left(store)).slice(1)).toEqual(NOTHING.slice(1));
    await lock.release();
  });

  test('of which a copy comes late change nothing any more', async () => {
    const store = open();
    const lock = await lockOf(store);
    const requests: TxnRequest[] = [];
    beforeEach(store, (_, request) => void requests.push(request));
    const revisions = await lock.commitMany(work(store));
    const gone = own(store).slice(0, MAX_WRITES);
    await lock.commit(
      gone.flatMap((write) =>
        'key' in write
          ? [{ kind: 'delete', key: write.key, expect: { modRevision: revisions.get(write.key) ?? '' } }]
          : [],
      ),
    );
    const before = await left(store);
    for (const request of requests.splice(0)) {
      expect((await store.kv.txn(request)).succeeded).toBe(false);
    }
    expect(await left(store)).toEqual(before);
    await lock.release();
  });

  test('in the middle of which etcd goes away end in time, and what is late is not carried out', async () => {
    const store = open();
    const lossy = storeOn(proxy, { prefix: store.prefix, timing: { attemptMs: 300, totalMs: 600 } });
    stores.push(lossy);
    const lock = await lockOf(lossy);
    beforeEach(lossy, (number) => {
      if (number === 4) proxy.freeze();
    });
    const began = performance.now();
    const [error, waited] = await Promise.all([
      errorOf(lock.commitMany(work(lossy))),
      errorOf(lock.commit([])),
    ]);
    expect([error, waited]).toMatchObject([{ code: 'etcd_unreachable' }, { code: 'etcd_unreachable' }]);
    expect(performance.now() - began).toBeLessThan(10_000);
    proxy.thaw();
    await lock.commit([]);
    const settled = await left(store);
    expect(settled.slice(1)).toEqual(NOTHING.slice(1));
    await delay(500);
    expect(await left(store)).toEqual(settled);
    await lock.release();
  });

  test('have to be such that a second copy is refused', async () => {
    const store = open();
    const lock = await lockOf(store);
    const any = [store.instances.write(instance('shop.n1.h1'), 'any')];
    expect(await errorOf(lock.commitMany({ contested: [], own: any, last: [] }))).toMatchObject({
      code: 'internal',
    });
    await lock.release();
  });
});

describe('a last commit', () => {
  test('takes the lock away with what it writes, and nothing is written under that lock any more', async () => {
    const store = open();
    const lock = await lockOf(store);
    const revisions = await lock.commitAndRelease([], [store.tasks.write(task('t1'), 'absent')]);
    expect((await store.tasks.get('t1'))?.modRevision).toBe(revisions.get(store.keys.task('t1')));
    const next = await lockOf(store, 'shop', { task_id: 't2' });
    expect(await errorOf(lock.commit([]))).toMatchObject({ code: 'lock_lost' });
    await lock.release();
    await next.commit([]);
    await next.release();
  });

  test('that is refused leaves the lock', async () => {
    const store = open();
    const lock = await lockOf(store);
    await lock.commit([store.tasks.write(task('t1'), 'absent')]);
    const again = lock.commitAndRelease([], [store.tasks.write(task('t1'), 'absent')]);
    expect(await errorOf(again)).toMatchObject({ code: 'stale' });
    await lock.commit([]);
    await lock.release();
  });
});

describe('a commit whose reply is lost', () => {
  test.each([
    ['a create', (store: Store): Write[] => [store.databases.write(database('shop'), 'absent')]],
    ['an overwrite', (store: Store): Write[] => [store.databases.write(database('shop'), 'any')]],
    [
      'a delete',
      (store: Store): Write[] => [{ kind: 'delete', key: store.keys.database('shop'), expect: 'any' }],
    ],
    [
      'a delete by prefix',
      (store: Store): Write[] => [{ kind: 'delete_prefix', prefix: store.keys.instancesOf('shop') }],
    ],
  ])('is found to have been carried out, once: %s', async (_, writes) => {
    const store = open();
    const lossy = through(store);
    const lock = await lockOf(lossy);
    await lock.commit([]);
    const dropped = proxy.dropNextReply();
    const revision = await lock.commit(writes(store));
    await dropped;
    const there = await store.kv.get(lock.key);
    expect(there?.version).toBe('3');
    expect(there?.modRevision).toBe(revision);
    // The chain goes on.
    await lock.commit([store.tasks.write(task('t1'), 'absent')]);
    await lock.release();
  });

  test('and that was refused is refused', async () => {
    const store = open();
    const lossy = through(store);
    const lock = await lockOf(lossy);
    await lock.commit([store.databases.write(database('shop'), 'absent')]);
    const dropped = proxy.dropNextReply();
    expect(await errorOf(lock.commit([store.databases.write(database('shop'), 'absent')]))).toMatchObject({
      code: 'stale',
    });
    await dropped;
    await lock.release();
  });

  test('of a host, under no lock, is recognized by its value', async () => {
    const store = open();
    const lossy = through(store);
    await lossy.prepareToChange();
    const dropped = proxy.dropNextReply();
    const revision = await lossy.hosts.put(host('host-1'), 'absent');
    await dropped;
    expect((await store.hosts.get('host-1'))?.modRevision).toBe(revision);
    expect(
      await errorOf(lossy.hosts.put(host('host-1', { updated_at: NOW, address: 'b' }), 'absent')),
    ).toMatchObject({
      code: 'stale',
    });
  });

  test('that takes the lock is recognized by its lease', async () => {
    const store = open();
    const lossy = through(store);
    await lossy.prepareToChange();
    const lease = lossy.kv.grantLease.bind(lossy.kv);
    let dropped: Promise<void> = Promise.resolve();
    lossy.kv.grantLease = async (seconds) => {
      const id = await lease(seconds);
      dropped = proxy.dropNextReply();
      return id;
    };
    const lock = await lockOf(lossy);
    await dropped;
    expect((await store.kv.get(lock.key))?.createRevision).toBe(lock.token);
    await lock.release();
    expect(await store.kv.get(lock.key)).toBeNull();
  });

  test('that takes the lock away is recognized by what it put', async () => {
    const store = open();
    const lossy = through(store);
    const lock = await lockOf(lossy);
    await lock.commit([store.databases.write(database('shop'), 'absent')]);
    const dropped = proxy.dropNextReply();
    const revisions = await lock.commitAndRelease(
      [{ kind: 'delete', key: store.keys.database('shop'), expect: 'present' }],
      [store.tasks.write(task('t1'), 'absent')],
    );
    await dropped;
    expect((await store.tasks.get('t1'))?.modRevision).toBe(revisions.get(store.keys.task('t1')));
    expect([await store.databases.get('shop'), await store.kv.get(lock.key)]).toEqual([null, null]);
    await lock.release();
  });

  test('and whose lock was lost by then is not taken for carried out', async () => {
    const store = open();
    const lossy = through(store);
    const lock = await lockOf(lossy);
    await lock.commit([store.databases.write(database('shop'), 'absent')]);
    await store.kv.revokeLease(lock.leaseId);
    const dropped = proxy.dropNextReply();
    const ending = errorOf(lock.commitAndRelease([], [store.tasks.write(task('t1'), 'absent')]));
    await dropped;
    expect(await ending).toMatchObject({ code: 'lock_lost' });
    expect(await store.tasks.get('t1')).toBeNull();
  });

  test('and whose outcome stays unknown cannot be carried out after the next one', async () => {
    const store = open();
    const lossy = storeOn(proxy, { prefix: store.prefix, timing: { attemptMs: 300, totalMs: 600 } });
    stores.push(lossy);
    const lock = await lockOf(lossy);
    await lock.commit([store.databases.write(database('shop', { error: 'first' }), 'any')]);
    proxy.freeze();
    const error = await errorOf(
      lock.commit([store.databases.write(database('shop', { error: 'second' }), 'any')]),
    );
    expect(error).toMatchObject({ code: 'etcd_unreachable' });
    proxy.thaw();
    const revision = await lock.commit([store.databases.write(database('shop', { error: 'third' }), 'any')]);
    await lock.commit([]);
    expect(await store.databases.get('shop')).toMatchObject({
      modRevision: revision,
      value: { error: 'third' },
    });
    await lock.release();
  });
});
