import { Etcd3 } from 'etcd3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Plan } from '../../src/plan/plan.ts';
import type { InstanceRecord } from '../../src/records/types.ts';
import { Secret } from '../../src/secret.ts';
import type { DatabaseLock } from '../../src/store/lock.ts';
import type { MarkedWork } from '../../src/store/planned.ts';
import type { Store } from '../../src/store/store.ts';
import type { Write } from '../../src/store/write.ts';
import { startEtcd, type Etcd } from './etcd.ts';
import {
  database,
  draft,
  errorOf,
  event,
  host,
  instance,
  LATER,
  lockOf,
  NOW,
  planOf,
  resource,
  storeOn,
  task,
} from './fixtures.ts';

const IDS = ['shop.n1.host-1', 'shop.n1.host-2', 'shop.n1.host-3'];

describe('in the store', () => {
  let etcd: Etcd;
  const stores: Store[] = [];
  beforeAll(async () => {
    etcd = await startEtcd();
  });
  afterAll(async () => {
    for (const store of stores) store.close();
    await etcd.stop();
  });
  function open(): Store {
    const store = storeOn(etcd);
    stores.push(store);
    return store;
  }

  async function mark(
    store: Store,
    lock: DatabaseLock,
    ids: readonly string[],
    extra: readonly Write[] = [],
    plans: readonly Plan[] = [planOf(...ids.map((id) => event('create', 'instance', id)))],
  ): Promise<MarkedWork> {
    return store.updatePlannedInstanceStates(lock, {
      plans,
      now: NOW,
      database: { next: database('shop', { state: 'creating', last_task_id: 't1' }), current: null },
      task: { next: task('t1'), current: null },
      instances: [],
      drafts: ids.map(draft),
      with: extra,
    });
  }

  function statesOf(records: readonly { readonly value: InstanceRecord }[]): unknown[] {
    return records.map(({ value }) => [value.instance_id, value.state, value.error]);
  }

  test('a watch shows the three instances, the database and the task in one revision', async () => {
    const store = open();
    const lock = await lockOf(store);
    const client = new Etcd3({ hosts: etcd.endpoint });
    try {
      const seen = new Map<string, string>();
      const watcher = await client.watch().prefix(`${store.prefix}/v1/`).create();
      watcher.on('put', (put) => seen.set(put.key.toString(), put.mod_revision));
      const marked = await mark(store, lock, IDS);
      await expect.poll(() => seen.size).toBeGreaterThanOrEqual(6);
      const expected = [
        ...IDS.map((id) => store.keys.instance(id)),
        store.keys.database('shop'),
        store.keys.task('t1'),
        lock.key,
      ];
      expect([...seen.keys()].sort()).toEqual(expected.sort());
      expect(new Set(seen.values())).toEqual(new Set([marked.database.modRevision]));
      await watcher.cancel();
    } finally {
      client.close();
    }
    const { items } = await store.instances.listOf('shop');
    expect(statesOf(items)).toEqual(IDS.map((id) => [id, 'creating', null]));
    expect(items.every(({ value }) => value.updated_at === NOW && value.created_at === NOW)).toBe(true);
    await lock.release();
  });

  test('an operation without an instance event writes no instance record', async () => {
    const store = open();
    const lock = await lockOf(store);
    const marked = await mark(store, lock, IDS, [], [planOf(event('create', 'role', 'shop.n1/admin'))]);
    expect(marked.marked.size).toBe(0);
    expect((await store.instances.listOf('shop')).items).toEqual([]);
    expect((await store.databases.get('shop'))?.modRevision).toBe(marked.database.modRevision);
    await lock.release();
  });

  test('300 instances are marked in chunks, the task last', async () => {
    const store = open();
    const lock = await lockOf(store);
    const ids = Array.from({ length: 300 }, (_, index) => `shop.n1.h${index}`);
    const marked = await mark(store, lock, ids);
    const { items } = await store.instances.listOf('shop');
    expect(items).toHaveLength(300);
    expect(items.every(({ modRevision }) => BigInt(modRevision) <= BigInt(marked.task.modRevision))).toBe(
      true,
    );
    expect(new Set(items.map(({ value }) => value.updated_at))).toEqual(new Set([NOW]));
    for (const { key, modRevision, value } of items) {
      expect(marked.instances.get(value.instance_id)).toMatchObject({ key, modRevision });
    }
    await lock.release();
  });

  test('a port that was taken in the meantime leaves nothing marked', async () => {
    const store = open();
    const other = await lockOf(store, 'other');
    const reservation = { host: 'host-1', port: 5432 };
    await other.commit([store.ports.reserve({ ...reservation, instance_id: 'other.n1.host-1' })]);
    const lock = await lockOf(store);
    const reserve = store.ports.reserve({ ...reservation, instance_id: 'shop.n1.host-1' });
    expect(await errorOf(mark(store, lock, IDS, [reserve]))).toMatchObject({ code: 'port_taken' });
    expect(await store.databases.get('shop')).toBeNull();
    expect(await store.tasks.get('t1')).toBeNull();
    expect((await store.instances.listOf('shop')).items).toEqual([]);
    await Promise.all([lock.release(), other.release()]);
  });

  test('success makes the database available and removes what left its spec, with all that was its own', async () => {
    const store = open();
    const lock = await lockOf(store);
    const [one = '', two = '', three = ''] = IDS;
    const marked = await mark(store, lock, IDS, [
      store.ports.reserve({ host: 'host-3', port: 5432, instance_id: three }),
      store.ports.reserve({ host: 'host-1', port: 5432, instance_id: one }),
      store.guards.write(three, { database_uid: 'u', allowed: true }, 'any'),
      store.guards.write(one, { database_uid: 'u', allowed: true }, 'any'),
    ]);
    const { database: ended } = await store.finalize(lock, {
      now: LATER,
      database: marked.database,
      task: marked.task,
      instances: [...marked.instances.values()],
      ports: (await store.ports.list()).items,
      wanted: new Set([one, two]),
      with: [],
    });
    expect(ended.state).toBe('available');
    expect((await store.databases.get('shop'))?.value).toMatchObject({
      state: 'available',
      updated_at: LATER,
    });
    expect((await store.tasks.get('t1'))?.value).toMatchObject({ state: 'completed', finished_at: LATER });
    expect(await store.kv.get(lock.key)).toBeNull();
    expect(statesOf((await store.instances.listOf('shop')).items)).toEqual([
      [one, 'available', null],
      [two, 'available', null],
    ]);
    expect((await store.ports.list()).items.map(({ value }) => value.instance_id)).toEqual([one]);
    expect(await store.guards.get(three)).toBeNull();
    expect((await store.guards.get(one))?.value).toEqual({ database_uid: 'u', allowed: true });
    await lock.release();
  });

  test('failure says what went wrong with each instance, or that it was never reached', async () => {
    const store = open();
    const lock = await lockOf(store);
    const [one = '', two = '', three = ''] = IDS;
    const marked = await mark(store, lock, IDS);
    const done = instance(one, { state: 'available' });
    const revision = await lock.commit([
      store.instances.write(done, { modRevision: marked.instances.get(one)?.modRevision ?? '' }),
    ]);
    const instances = new Map(marked.instances).set(one, {
      key: store.keys.instance(one),
      value: done,
      modRevision: revision,
    });
    await store.fail(lock, {
      now: LATER,
      database: marked.database,
      task: marked.task,
      instances: [...instances.values()],
      marked: marked.marked,
      failure: {
        outcome: 'failed',
        reason: 'phase 2 failed: disk full',
        reached: new Map([[two, 'disk full']]),
      },
    });
    expect(statesOf((await store.instances.listOf('shop')).items)).toEqual([
      [one, 'available', null],
      [two, 'failed', 'disk full'],
      [three, 'failed', 'not reached: phase 2 failed: disk full'],
    ]);
    expect((await store.databases.get('shop'))?.value).toMatchObject({
      state: 'failed',
      error: 'phase 2 failed: disk full',
    });
    expect((await store.tasks.get('t1'))?.value).toMatchObject({ state: 'failed' });
    await lock.release();
  });

  test('a delete leaves nothing of the database but its task, and everything of one whose name begins the same', async () => {
    const store = open();
    const { key } = await store.prepareToChange();
    for (const id of ['a', 'ab']) {
      const lock = await lockOf(store, id);
      const name = `${id}.n1.host-1`;
      const status = {
        instance_id: name,
        server_version: null,
        pending_restart: false,
        pending_restart_reason: null,
        started_at: null,
        observed_at: NOW,
      };
      await lock.commit([
        store.databases.write(database(id), 'absent'),
        store.instances.write(instance(name), 'absent'),
        store.instances.writeStatus(status, 'absent'),
        store.resources.write(id, resource('unit', name), 'absent'),
        store.guards.write(name, { database_uid: 'u', allowed: true }, 'absent'),
        store.secrets.write({ database: id, name: 's', value: new Secret('x'), key, expect: 'absent' }),
        store.ports.reserve({ host: 'host-1', port: id === 'a' ? 5432 : 5433, instance_id: name }),
        store.tasks.write(task(`t-${id}`, { databases: [id] }), 'absent'),
        { kind: 'put', key: `${store.keys.patroniScope(id, 'n1')}leader`, value: 'host-1', expect: 'any' },
      ]);
      await lock.release();
    }
    await store.hosts.put(host('host-1'), 'absent');
    const before = (await store.kv.range(`${store.prefix}/`, { keysOnly: true })).map((each) => each.key);
    const lock = await lockOf(store, 'a');
    const snapshot = await store.readDatabase('a');
    const stored = await store.tasks.get('t-a');
    if (snapshot.database === null || stored === null) throw new Error('not there');
    const ended = await store.deleteDatabaseRecords(lock, {
      now: LATER,
      database: snapshot.database,
      task: stored,
      ports: snapshot.ports,
    });
    expect(ended.state).toBe('completed');
    expect(await store.kv.get(lock.key)).toBeNull();
    await lock.release();
    const after = (await store.kv.range(`${store.prefix}/`, { keysOnly: true })).map((each) => each.key);
    expect(after.filter((each) => /\/a(\/|\.|$)/.test(each))).toEqual([]);
    expect(after).toEqual(before.filter((each) => !/\/a(\/|\.|$)|ports\/host-1\/5432$/.test(each)));
    expect(after).toContain(store.keys.task('t-a'));
    expect(after.filter((each) => /\/ab(\/|\.|$)/.test(each))).toHaveLength(7);
  });
});
