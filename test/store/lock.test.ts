import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Store, StoreOptions } from '../../src/store/store.ts';
import { startEtcd, type Etcd } from './etcd.ts';
import { database, errorOf, HERE, lockOf, lockRecord, NOW, storeOn } from './fixtures.ts';

let etcd: Etcd;
const stores: Store[] = [];

function open(options: Partial<StoreOptions> = {}, on: Etcd = etcd): Store {
  const store = storeOn(on, options);
  stores.push(store);
  return store;
}

beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(async () => {
  for (const store of stores) store.close();
  await etcd.stop();
});

describe('taking a lock', () => {
  test('of two at once exactly one wins, and the other is told who has it', async () => {
    const store = open();
    const outcomes = await Promise.allSettled([
      lockOf(store, 'shop', { who: 'ann', task_id: 't1' }),
      lockOf(store, 'shop', { who: 'bob', task_id: 't2' }),
    ]);
    const [won] = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    const [refused] = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(won?.value.record.who).not.toBeUndefined();
    const { who, task_id: task } = won?.value.record ?? lockRecord();
    expect(refused?.reason).toMatchObject({
      code: 'lock_held',
      exitCode: 4,
      message: `database shop is locked by ${who} from here (pid ${process.pid}) since ${NOW} for \`pgctl db create shop\` (task ${task})`,
      hint: `Wait for it to end, give --lock-timeout, or see what it does: pgctl task logs ${task}`,
    });
    await won?.value.release();
    expect((await store.kv.range(`${store.prefix}/v1/locks/`)).length).toBe(0);
  });

  test('leaves no lease behind where it is refused', async () => {
    const store = open();
    const lock = await lockOf(store);
    const grant = vi.spyOn(store.kv, 'grantLease');
    await errorOf(lockOf(store));
    const refused = await grant.mock.results[0]?.value;
    expect(await store.kv.leaseTtl(String(refused))).toBe(0);
    expect(await store.kv.leaseTtl(lock.leaseId)).toBeGreaterThan(0);
    await lock.release();
    expect(await store.kv.leaseTtl(lock.leaseId)).toBe(0);
  });

  test('waits for as long as it is told, and takes it when it is free', async () => {
    const store = open({ timing: { pollMs: 50 } });
    const first = await lockOf(store);
    const began = performance.now();
    expect(await errorOf(store.acquireLock('shop', lockRecord(), { waitMs: 300 }))).toMatchObject({
      code: 'lock_held',
    });
    expect(performance.now() - began).toBeGreaterThanOrEqual(295);
    const waiting = store.acquireLock('shop', lockRecord({ task_id: 't2' }), { waitMs: 10_000 });
    await delay(200);
    await first.release();
    const second = await waiting;
    expect(BigInt(second.token)).toBeGreaterThan(BigInt(first.token));
    await second.release();
  });

  test('stops waiting when it is told to', async () => {
    const store = open({ timing: { pollMs: 50 } });
    const first = await lockOf(store);
    const reason = new Error('interrupted');
    const abort = new AbortController();
    const waiting = errorOf(
      store.acquireLock('shop', lockRecord(), { waitMs: 10_000, signal: abort.signal }),
    );
    abort.abort(reason);
    expect(await waiting).toBe(reason);
    await first.release();
  });

  test('of a database is of no other', async () => {
    const store = open();
    const locks = await Promise.all([lockOf(store, 'a'), lockOf(store, 'ab')]);
    await Promise.all(locks.map((lock) => lock.release()));
  });
});

describe('a lock whose process on this machine is no more', () => {
  async function deadPid(): Promise<number> {
    const child = spawn('true');
    await once(child, 'exit');
    return child.pid ?? 0;
  }

  test('is taken at once', async () => {
    const store = open();
    const dead = await lockOf(store, 'shop', { from: { ...HERE, pid: await deadPid() } });
    const lock = await lockOf(store, 'shop', { task_id: 't2' });
    expect(await store.kv.leaseTtl(dead.leaseId)).toBe(0);
    expect(await errorOf(dead.commit([]))).toMatchObject({ code: 'lock_lost' });
    await lock.release();
  });

  test.each([
    ['of another host', { host: 'there' }],
    ['of another boot', { boot_id: 'b0' }],
    ['of a process that runs', { pid: process.ppid }],
  ])('but not one %s', async (_, changes) => {
    const store = open();
    const other = await lockOf(store, 'shop', { from: { ...HERE, pid: await deadPid(), ...changes } });
    expect(await errorOf(lockOf(store))).toMatchObject({ code: 'lock_held' });
    await other.release();
  });

  test('where no boot id is known it is left to its lease', async () => {
    const store = open();
    const from = { ...HERE, boot_id: 'unknown' };
    const other = await lockOf(store, 'shop', { from: { ...from, pid: await deadPid() } });
    expect(await errorOf(lockOf(store, 'shop', { from }))).toMatchObject({ code: 'lock_held' });
    await other.release();
  });
});

describe.concurrent('keeping a lock', () => {
  const SHORT = { leaseSeconds: 2, attemptMs: 300, totalMs: 600 } as const;

  test('it outlives its lease for as long as etcd answers', async () => {
    const store = open({ timing: SHORT });
    const lock = await lockOf(store);
    await delay(3000);
    expect(lock.lost).toBe(false);
    lock.assertHeld();
    expect(lock.remainingMs).toBeGreaterThan(0);
    await lock.commit([store.databases.write(database('shop'), 'absent')]);
    await lock.release();
  });

  test('at two thirds of the lease without an answer nothing new may be started, and it is told once', async () => {
    const own = await startEtcd();
    try {
      const store = open({ timing: SHORT }, own);
      const lock = await lockOf(store);
      const told = vi.fn();
      const unheard = vi.fn();
      lock.onDeadline(told);
      lock.onDeadline(unheard)();
      own.pause();
      const began = performance.now();
      while (told.mock.calls.length === 0 && performance.now() - began < 5000) await delay(20);
      const after = performance.now() - began;
      expect(after).toBeGreaterThan(700);
      expect(after).toBeLessThan(2900);
      expect(lock.lost).toBe(true);
      expect(unheard).not.toHaveBeenCalled();
      expect(() => {
        lock.assertHeld();
      }).toThrow(expect.objectContaining({ code: 'lock_lost' }));
      own.resume();
      // etcd gives leases more time after a pause of its own, so what is left can still be written.
      await lock.commit([store.databases.write(database('shop'), 'absent')]);
      expect(lock.lost).toBe(true);
      expect(told).toHaveBeenCalledTimes(1);
      const late = vi.fn();
      lock.onDeadline(late);
      expect(late).toHaveBeenCalledTimes(1);
      await lock.release();
    } finally {
      own.resume();
      await own.stop();
    }
  });

  test('a pause of this process, or a sleep of this machine, is noticed at once when it goes on', async () => {
    let skipped = { running: 0, booted: 0 };
    const clock = () => ({
      running: performance.now() + skipped.running,
      booted: performance.now() + skipped.booted,
    });
    const store = open({ timing: { clock } });
    for (const skip of [
      { running: 20_000, booted: 0 },
      { running: 0, booted: 20_100 },
    ]) {
      skipped = { running: 0, booted: 0 };
      const lock = await lockOf(store);
      expect(lock.lost).toBe(false);
      skipped = skip;
      expect(() => {
        lock.assertHeld();
      }).toThrow(expect.objectContaining({ code: 'lock_lost' }));
      await lock.release();
    }
  });

  test('a lease that etcd has ended is noticed with the next renewal', async () => {
    const store = open({ timing: SHORT });
    const lock = await lockOf(store);
    const told = vi.fn();
    lock.onDeadline(told);
    await store.kv.revokeLease(lock.leaseId);
    await vi.waitFor(
      () => {
        expect(told).toHaveBeenCalledTimes(1);
      },
      { timeout: 1500 },
    );
    expect(await errorOf(lock.commit([store.databases.write(database('shop'), 'absent')]))).toMatchObject({
      code: 'lock_lost',
    });
    await lock.release();
  });

  test('a crashed holder keeps it no longer than its lease', async () => {
    const store = open({ timing: { ...SHORT, pollMs: 50 } });
    const lock = await lockOf(store);
    // What a crash leaves: a lease that nobody renews.
    vi.spyOn(store.kv, 'keepAliveOnce').mockRejectedValue(new Error('crashed'));
    const other = open({ prefix: store.prefix, timing: { pollMs: 50 } });
    const next = await other.acquireLock('shop', lockRecord({ task_id: 't2' }), { waitMs: 10_000 });
    expect(lock.lost).toBe(true);
    expect(await errorOf(lock.commit([store.databases.write(database('shop'), 'absent')]))).toMatchObject({
      code: 'lock_lost',
    });
    await next.release();
  });

  test('with etcd away, what waits for its turn and giving the lock up take no longer than the first', async () => {
    const own = await startEtcd();
    try {
      const store = open({ timing: { ...SHORT, totalMs: 1000 } }, own);
      const lock = await lockOf(store);
      await lock.commit([]);
      own.pause();
      const began = performance.now();
      const write = store.databases.write(database('shop'), 'any');
      const errors = await Promise.all(Array.from({ length: 10 }, () => errorOf(lock.commit([write]))));
      for (const error of errors) expect(error).toMatchObject({ code: 'etcd_unreachable' });
      await lock.release();
      expect(performance.now() - began).toBeLessThan(5000);
    } finally {
      own.resume();
      await own.stop();
    }
  });

  test('giving it up waits for the commits under way, and never throws', async () => {
    const store = open();
    const lock = await lockOf(store);
    const committed = lock.commit([store.databases.write(database('shop'), 'absent')]);
    await lock.release();
    await committed;
    await lock.release();
    expect(await store.databases.get('shop')).not.toBeNull();
  });
});
