import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Keys } from '../../src/store/keys.ts';
import type { Store } from '../../src/store/store.ts';
import { newTaskId } from '../../src/store/tasks.ts';
import type { Write } from '../../src/store/write.ts';
import { startEtcd, type Etcd } from './etcd.ts';
import { database, errorOf, host, instance, lockOf, NOW, storeOn, task } from './fixtures.ts';

let etcd: Etcd;
const stores: Store[] = [];

function open(): Store {
  const store = storeOn(etcd);
  stores.push(store);
  return store;
}

function raw(key: string, value: string): Write {
  return { kind: 'put', key, value, expect: 'any' };
}

/** Writes whatever, as pgctl or as a stranger. */
async function put(store: Store, ...writes: readonly Write[]): Promise<void> {
  const lock = await lockOf(store, 'setup');
  await lock.commitChunked(writes, []);
  await lock.release();
}

beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(async () => {
  for (const store of stores) store.close();
  await etcd.stop();
});

describe('values that pgctl did not write', () => {
  test.each([
    ['no JSON', 'hello', 'it is not JSON'],
    ['a NUL', '\u0000', 'it is not JSON'],
    ['another shape', '{"database_id":"bad"}', /^spec: /],
    ['another type', '[]', /expected object/],
    ['an unknown state', JSON.stringify({ ...database('bad'), state: 'odd' }), /^state: /],
    ['the record of another', JSON.stringify(database('other')), 'it is the record of another key'],
  ])('are named by their key, and others are read: %s', async (_, value, problem) => {
    const store = open();
    const key = store.keys.database('bad');
    await put(store, store.databases.write(database('good'), 'any'), raw(key, value));
    const { items, corrupt } = await store.databases.list();
    expect(items.map(({ value: { database_id: id } }) => id)).toEqual(['good']);
    const said = typeof problem === 'string' ? problem : expect.stringMatching(problem);
    expect(corrupt).toEqual([{ key, problem: said }]);
    const error = await errorOf(store.databases.get('bad'));
    expect(error).toMatchObject({ code: 'store_corrupt', exitCode: 7 });
    expect((error as Error).message).toContain(key);
    expect((await store.databases.get('good'))?.value.database_id).toBe('good');
  });

  test('do not show a secret that stands in the wrong place', async () => {
    const store = open();
    const key = store.keys.database('bad');
    await put(store, raw(key, JSON.stringify({ ...database('bad'), state: 'geheim' })));
    expect(JSON.stringify(await store.databases.list())).not.toContain('geheim');
  });

  test('fields of a newer pgctl are kept when the record is written again', async () => {
    const store = open();
    const newer = { ...instance('shop.n1.host-1'), shiny: { a: [1] } };
    await put(store, raw(store.keys.instance('shop.n1.host-1'), JSON.stringify(newer)));
    const read = await store.instances.get('shop.n1.host-1');
    await put(
      store,
      store.instances.write({ ...instance('shop.n1.host-1'), ...read?.value, error: 'x' }, 'any'),
    );
    const found = await store.kv.get(store.keys.instance('shop.n1.host-1'));
    expect(JSON.parse(found?.value.toString() ?? '')).toEqual({ ...newer, error: 'x' });
  });

  test('a record that could not be read again is not written', () => {
    const store = open();
    expect(() => store.instances.write(instance('shop.n1.host-1', { port: 70_000 }), 'any')).toThrow(
      expect.objectContaining({ code: 'internal' }),
    );
    expect(() => store.instances.write(instance('shop.n1.host-1', { host_id: 'host-2' }), 'any')).toThrow(
      expect.objectContaining({ code: 'internal' }),
    );
  });
});

describe('hosts', () => {
  test('are written only as they were read', async () => {
    const store = open();
    const revision = await store.hosts.put(host('host-1'), 'absent');
    expect(await errorOf(store.hosts.put(host('host-1', { address: 'b' }), 'absent'))).toMatchObject({
      code: 'stale',
    });
    const next = await store.hosts.put(host('host-1', { address: 'c' }), { modRevision: revision });
    expect(await errorOf(store.hosts.put(host('host-1'), { modRevision: revision }))).toMatchObject({
      code: 'stale',
    });
    expect(await store.hosts.require('host-1')).toMatchObject({ modRevision: next, value: { address: 'c' } });
    expect(await errorOf(store.hosts.require('host-2'))).toMatchObject({ code: 'not_found' });
  });

  test('are not removed while a port is reserved on them, nor given an instance once they are removed', async () => {
    const store = open();
    await store.hosts.put(host('host-1'), 'absent');
    await store.hosts.put(host('host-10'), 'absent');
    const lock = await lockOf(store);
    await lock.commit([
      store.hosts.stillThere('host-1'),
      store.ports.reserve({ host: 'host-1', port: 5432, instance_id: 'shop.n1.host-1' }),
      store.ports.reserve({ host: 'host-10', port: 5432, instance_id: 'shop.n1.host-10' }),
    ]);
    expect(await errorOf(store.hosts.remove(await store.hosts.require('host-1')))).toMatchObject({
      code: 'host_in_use',
      exitCode: 4,
      details: ['port 5432, reserved for shop.n1.host-1'],
    });
    const [reserved] = (await store.ports.listOf('host-1')).items;
    expect(reserved?.value).toEqual({ host: 'host-1', port: 5432, instance_id: 'shop.n1.host-1' });
    await lock.commit(reserved === undefined ? [] : [store.ports.release(reserved)]);
    await store.hosts.remove(await store.hosts.require('host-1'));
    expect(await store.hosts.get('host-1')).toBeNull();
    expect(
      await errorOf(
        lock.commit([
          store.hosts.stillThere('host-1'),
          store.ports.reserve({ host: 'host-1', port: 5433, instance_id: 'shop.n1.host-1' }),
        ]),
      ),
    ).toMatchObject({ code: 'stale' });
    expect((await store.ports.listOf('host-1')).items).toEqual([]);
    await lock.release();
  });
});

describe('tasks', () => {
  test('have ids in the order of their times', () => {
    const bytes = Uint8Array.from([0, 31, 32, 255, 7, 8]);
    const id = newTaskId(new Date('2026-04-12T10:15:30.123Z'), bytes);
    expect(id).toBe('20260412-101530123-0z0z78');
    const times = [
      '2026-04-12T10:15:30.124Z',
      '2026-04-12T11:00:00.000Z',
      '2026-10-01T00:00:00.000Z',
      '2027-01-01T00:00:00.000Z',
    ];
    const ids = [id, ...times.map((time) => newTaskId(new Date(time), bytes))];
    expect(ids.toSorted()).toEqual(ids);
    expect(new Keys('/p').task(id)).toBe(`/p/v1/tasks/${id}`);
  });

  test('are listed newest first, read by the handful, and trimmed when they are over', async () => {
    const store = open();
    const ids = [
      '20260101-000000000-a',
      '20260102-000000000-a',
      '20260103-000000000-a',
      '20260104-000000000-a',
    ];
    const lock = await lockOf(store);
    for (const id of ids) {
      await lock.commit([
        store.tasks.write(task(id, { state: id === ids[1] ? 'running' : 'completed' }), 'absent'),
        store.tasks.writePlan(id, [[{ type: 'create' }]], 'absent'),
        store.tasks.writeEvent(id, {
          seq: 1,
          at: NOW,
          plan: 0,
          phase: 0,
          type: 'create',
          resource: 'unit/shop.n1.host-1',
          host_id: 'host-1',
          step: 'intent',
          input_hash: 'h',
          duration_ms: null,
          error: null,
        }),
      ]);
      await store.tasks.appendLogs(id, [
        { seq: 1, at: NOW, host_id: null, message: 'm', fields: { a: [1] } },
      ]);
    }
    await lock.release();
    expect((await store.tasks.list(2)).items.map(({ value }) => value.task_id)).toEqual([ids[3], ids[2]]);
    expect(
      (await store.tasks.getEach([ids[0] ?? '', 'none'])).items.map(({ value }) => value.task_id),
    ).toEqual([ids[0]]);
    expect(await store.tasks.getPlan(ids[0] ?? '')).toEqual([[{ type: 'create' }]]);
    expect(await store.tasks.trim(1)).toBe(2);
    expect((await store.tasks.list(10)).items.map(({ value }) => value.task_id)).toEqual([ids[3], ids[1]]);
    const left = await store.kv.range(`${store.prefix}/v1/task`, { keysOnly: true });
    expect(left.filter(({ key }) => key.includes(ids[0] ?? ''))).toEqual([]);
    expect((await store.tasks.events(ids[1] ?? '')).items).toHaveLength(1);
  });

  test('keep their log in order, and give it from a line on', async () => {
    const store = open();
    const lines = Array.from({ length: 300 }, (_, index) => ({
      seq: index + 1,
      at: NOW,
      host_id: 'host-1',
      message: `line ${index + 1}`,
      fields: {},
    }));
    await store.tasks.appendLogs('t1', lines);
    await store.tasks.appendLogs('t1', []);
    expect((await store.tasks.logs('t1')).items.map(({ value }) => value)).toEqual(lines);
    expect((await store.tasks.logs('t1', 298)).items.map(({ value }) => value.seq)).toEqual([298, 299, 300]);
  });
});
