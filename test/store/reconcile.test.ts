import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { reconcile } from '../../src/executor/reconcile.ts';
import { openSpool, type Spool } from '../../src/executor/spool.ts';
import type { KeptTask } from '../../src/store/kept.ts';
import type { Store } from '../../src/store/store.ts';
import { startEtcd, type Etcd } from './etcd.ts';
import {
  database,
  instance,
  LATER,
  lockOf,
  NOW,
  resource,
  scratchDirectory,
  storeOn,
  task,
} from './fixtures.ts';

let etcd: Etcd;
let store: Store;
let spool: Spool;
let said: string[];
const STORE_ID = 's1';
const UNIT = 'shop.n1.a';

beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(async () => {
  await etcd.stop();
});

/** A run that began an update of a unit, lost etcd, and ended; the unit's revision is as it left it. */
let revision: string;
beforeEach(async () => {
  store?.close();
  store = storeOn(etcd);
  spool = openSpool(scratchDirectory());
  said = [];
  const lock = await lockOf(store);
  revision = await lock.commit([
    store.databases.write(database('shop', { state: 'modifying', last_task_id: 't1' }), 'absent'),
    store.instances.write(instance(UNIT, { state: 'modifying' }), 'absent'),
    store.resources.write('shop', resource('unit', UNIT, { error: 'before' }), 'absent'),
    store.tasks.write(task('t1'), 'absent'),
  ]);
  await lock.release();
});

const entry = (seq: number) => ({
  seq,
  at: NOW,
  plan: 1,
  phase: 1,
  type: 'update',
  resource: `unit/${UNIT}`,
  host_id: 'a',
  step: 'ok' as const,
  input_hash: 'h',
  duration_ms: 5,
  error: null,
});

function kept(changes: Partial<KeptTask> = {}): Omit<KeptTask, 'format'> {
  return {
    store_id: STORE_ID,
    database_id: 'shop',
    task_id: 't1',
    kept_at: NOW,
    results: [
      {
        seq: 2,
        writes: [
          store.tasks.writeEvent('t1', entry(2)),
          store.resources.write('shop', resource('unit', UNIT), { modRevision: revision }),
          store.instances.write(instance(UNIT), { modRevision: revision }),
        ] as KeptTask['results'][number]['writes'],
      },
    ],
    end: {
      outcome: 'failed',
      reason: 'etcd stopped answering',
      reached: {},
      events: { total: 3, done: 1, failed: 0, not_reached: 2 },
    },
    ...changes,
  };
}

async function reconciled(): Promise<void> {
  const lock = await lockOf(store, 'shop', { task_id: 't2' });
  const report = (event: { kind: string; message?: string }): void => void said.push(event.message ?? '');
  await reconcile({ store, lock, spool, report, now: () => new Date(LATER) }, STORE_ID);
  await lock.release();
  expect(await spool.of(STORE_ID, 'shop')).toEqual([]);
}

const snapshot = () => store.readDatabase('shop');
const journal = async (): Promise<number[]> =>
  (await store.tasks.events('t1')).items.map(({ value }) => value.seq);

describe('what was kept of a run', () => {
  test('is written down, and the run is failed with what it did', async () => {
    await spool.keep(kept());
    await reconciled();
    const found = await snapshot();
    expect(await journal()).toEqual([2]);
    expect(found.resources.map(({ value }) => value.error)).toEqual([null]);
    expect(found.instances.map(({ value }) => value.state)).toEqual(['available']);
    expect(found.database?.value).toMatchObject({ state: 'failed', error: 'etcd stopped answering' });
    expect((await store.tasks.get('t1'))?.value).toMatchObject({
      state: 'failed',
      error: 'etcd stopped answering',
      finished_at: LATER,
      events: { done: 1, not_reached: 2 },
    });
    expect(said).toEqual(['results of task t1 that were kept on this machine are written down now']);
  });

  test('and had been written after all is not written again', async () => {
    const lock = await lockOf(store);
    const [result] = kept().results;
    await lock.commit(result?.writes ?? []);
    await lock.release();
    await spool.keep(kept());
    await reconciled();
    expect(await journal()).toEqual([2]);
    expect((await store.tasks.get('t1'))?.value.state).toBe('failed');
  });

  test('stays out of a record that changed since; what was done is in the journal all the same', async () => {
    const lock = await lockOf(store);
    await lock.commit([store.resources.write('shop', resource('unit', UNIT, { error: 'newer' }), 'present')]);
    await lock.release();
    await spool.keep(kept());
    await reconciled();
    const found = await snapshot();
    expect(await journal()).toEqual([2]);
    expect(found.resources.map(({ value }) => value.error)).toEqual(['newer']);
    expect(found.instances.map(({ value }) => [value.state, value.error])).toEqual([
      ['failed', 'not reached: etcd stopped answering'],
    ]);
  });

  test('leaves what is unknown to a resume', async () => {
    const { end } = kept();
    await spool.keep(kept({ end: { ...end, outcome: 'unknown' } }));
    await reconciled();
    expect((await store.tasks.get('t1'))?.value).toMatchObject({ state: 'unknown', finished_at: null });
  });

  test.each<[title: string, why: string, change: () => Promise<void>]>([
    [
      'another task came after it',
      'task t2 came after it',
      async () => {
        const lock = await lockOf(store);
        await lock.commit([store.databases.write(database('shop', { last_task_id: 't2' }), 'present')]);
        await lock.release();
      },
    ],
    [
      'somebody ended it',
      'that task is canceled',
      async () => {
        const lock = await lockOf(store);
        await lock.commit([store.tasks.write(task('t1', { state: 'canceled' }), 'present')]);
        await lock.release();
      },
    ],
    [
      'its database is gone',
      'the database is gone',
      async () => {
        const lock = await lockOf(store);
        await lock.commit([{ kind: 'delete', key: store.keys.database('shop'), expect: 'present' }]);
        await lock.release();
      },
    ],
  ])('is discarded where %s', async (_, why, change) => {
    await change();
    await spool.keep(kept());
    await reconciled();
    expect(await journal()).toEqual([]);
    expect(said).toEqual([`results of task t1 that were kept on this machine are discarded: ${why}`]);
  });
});

test('a file that is none of these is said to be, and left alone', async () => {
  const writes = [{ kind: 'put', key: store.keys.database('mail'), value: '{}', expect: 'any' }] as const;
  const file = await spool.keep(kept({ results: [{ seq: 1, writes }] }));
  await expect(reconciled()).rejects.toThrow();
  expect(said).toEqual([`${file} does not hold the results of an operation; it is left alone`]);
  expect(await store.databases.get('mail')).toBeNull();
});
