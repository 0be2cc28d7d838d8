import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '../../src/secret.ts';
import { refuseCorrupt, requireDatabase } from '../../src/store/snapshot.ts';
import type { Store } from '../../src/store/store.ts';
import type { Write } from '../../src/store/write.ts';
import { startEtcd, type Etcd } from './etcd.ts';
import { database, host, instance, lockOf, NOW, resource, storeOn } from './fixtures.ts';

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

describe('a snapshot', () => {
  test('of one database is read in one round trip, and holds nothing of another', async () => {
    const store = open();
    const { key } = await store.prepareToChange();
    const lock = await lockOf(store, 'a', { who: 'ann' });
    for (const id of ['a', 'ab']) {
      const name = `${id}.n1.host-1`;
      await put(
        store,
        store.databases.write(database(id), 'absent'),
        store.instances.write(instance(name), 'absent'),
        store.instances.writeStatus(
          {
            instance_id: name,
            server_version: '17.4',
            pending_restart: false,
            pending_restart_reason: null,
            started_at: null,
            observed_at: NOW,
          },
          'absent',
        ),
        store.resources.write(id, resource('role', `${id}.n1/x y`), 'absent'),
        store.ports.reserve({ host: 'host-1', port: id === 'a' ? 5432 : 5433, instance_id: name }),
        store.secrets.write({
          database: id,
          name: 'superuser',
          value: new Secret('canary'),
          key,
          expect: 'absent',
        }),
        raw(`${store.keys.patroniScope(id, 'n1')}leader`, 'host-1'),
      );
    }
    await store.hosts.put(host('host-1'), 'absent');
    const calls: unknown[] = [];
    const read = store.kv.read.bind(store.kv);
    store.kv.read = (specs) => {
      calls.push(specs);
      return read(specs);
    };
    const snapshot = await store.readDatabase('a');
    expect(calls).toHaveLength(1);
    expect(snapshot.database?.value).toEqual(database('a'));
    expect(snapshot.instances.map(({ value }) => value.instance_id)).toEqual(['a.n1.host-1']);
    expect([...snapshot.statuses.keys()]).toEqual(['a.n1.host-1']);
    expect(snapshot.resources.map(({ value }) => value)).toEqual([resource('role', 'a.n1/x y')]);
    expect(snapshot.ports.map(({ value }) => value.instance_id)).toEqual(['a.n1.host-1', 'ab.n1.host-1']);
    expect([...snapshot.secrets.keys()]).toEqual(['superuser']);
    expect([...snapshot.hosts.keys()]).toEqual(['host-1']);
    expect(snapshot.patroni.map(({ scope }) => scope)).toEqual(['a.n1']);
    expect(snapshot.lock?.who).toBe('ann');
    expect(snapshot.corrupt).toEqual([]);
    const fleet = await store.readFleet();
    expect(fleet.databases.map(({ value }) => value.database_id)).toEqual(['a', 'ab']);
    expect(fleet.instances).toHaveLength(2);
    expect([...fleet.statuses.keys()]).toEqual(['a.n1.host-1', 'ab.n1.host-1']);
    expect([...fleet.patroni.keys()]).toEqual(['a.n1', 'ab.n1']);
    expect([...fleet.locks.keys()]).toEqual(['a']);
    expect(calls).toHaveLength(2);
    await lock.release();
  });

  test('of a database that is not there is empty', async () => {
    const snapshot = await open().readDatabase('none');
    expect(snapshot).toMatchObject({
      database: null,
      instances: [],
      resources: [],
      patroni: [],
      lock: null,
      corrupt: [],
    });
    expect(() => requireDatabase(snapshot)).toThrow(
      expect.objectContaining({ code: 'not_found', exitCode: 5 }),
    );
  });

  test('with a value that cannot be read is refused for an operation on that database, and for no other', async () => {
    const store = open();
    const bad = store.keys.instance('a.n1.host-2');
    await put(
      store,
      store.databases.write(database('a'), 'absent'),
      store.databases.write(database('b'), 'absent'),
      raw(bad, 'x'),
      raw(store.keys.host('host-9'), '{}'),
      raw(store.keys.port('host-1', 5432), '?'),
    );
    const a = await store.readDatabase('a');
    expect(() => {
      refuseCorrupt(a);
    }).toThrow(expect.objectContaining({ code: 'store_corrupt' }));
    expect(a.corrupt.map(({ key }) => key)).toEqual([bad]);
    const b = await store.readDatabase('b');
    refuseCorrupt(b);
    expect(b.corruptElsewhere.map(({ key }) => key)).toEqual([
      store.keys.host('host-9'),
      store.keys.port('host-1', 5432),
    ]);
    // A port that somebody has is taken, even if nobody can tell by whom.
    expect(b.ports.map(({ value }) => [value.host, value.port])).toEqual([['host-1', 5432]]);
    const fleet = await store.readFleet();
    expect(fleet.databases).toHaveLength(2);
    expect(fleet.corrupt.map(({ key }) => key)).toEqual([bad, store.keys.host('host-9')]);
  });

  test('of a large fleet is whole', async () => {
    const store = open();
    await put(
      store,
      ...Array.from({ length: 1200 }, (_, index) =>
        store.instances.write(instance(`d${index % 40}.n1.h${index}`), 'any'),
      ),
    );
    const fleet = await store.readFleet();
    expect(fleet.instances).toHaveLength(1200);
    expect(new Set(fleet.instances.map(({ key }) => key)).size).toBe(1200);
  });
});
