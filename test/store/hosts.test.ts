import { afterAll, beforeAll, expect, test } from 'vitest';
import { commitUnlocked } from '../../src/store/commit.ts';
import { LOCAL_MACHINE } from '../../src/store/keys.ts';
import { readOccupants } from '../../src/store/occupants.ts';
import type { Store } from '../../src/store/store.ts';
import type { Write } from '../../src/store/write.ts';
import { startEtcd, type Etcd } from './etcd.ts';
import { errorOf, host, instance, lockOf, NOW, resource, storeOn } from './fixtures.ts';

let etcd: Etcd;
const stores: Store[] = [];

function open(): Store {
  const store = storeOn(etcd);
  stores.push(store);
  return store;
}

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

test.each<[what: string, placed: (store: Store) => Write, found: string]>([
  [
    'an instance',
    (store) => store.instances.write(instance('shop.n1.local-1'), 'any'),
    'instance shop.n1.local-1',
  ],
  [
    'an instance that cannot be read',
    (store) => ({ kind: 'put', key: store.keys.instance('shop.n1.local-1'), value: '?', expect: 'any' }),
    'instance shop.n1.local-1',
  ],
  [
    'a port of the machine that hosts share',
    (store) => store.ports.reserve({ host: LOCAL_MACHINE, port: 5432, instance_id: 'shop.n1.local-1' }),
    'port 5432, reserved for shop.n1.local-1',
  ],
  [
    'a resource',
    (store) =>
      store.resources.write(
        'shop',
        resource('unit', 'shop.n1.local-1', { executor: { kind: 'host', host: 'local-1' } }),
        'any',
      ),
    'unit shop.n1.local-1 of shop',
  ],
])('a host is not removed while %s is on it, and nobody else is kept from it', async (_, placed, found) => {
  const store = open();
  for (const id of ['local-1', 'local-10', 'local-2'])
    await store.hosts.put(host(id, { address: 'local' }), 'absent');
  await put(store, placed(store));
  const stored = await store.hosts.require('local-1');
  const refusal = { code: 'host_in_use', exitCode: 4, details: [found] };
  expect(await errorOf(store.hosts.requireEmpty(stored))).toMatchObject(refusal);
  const error = await errorOf(store.hosts.remove(stored));
  expect(error).toMatchObject(refusal);
  expect((error as { hint: string }).hint).toContain('pgctl db delete shop');
  await store.hosts.remove(await store.hosts.require('local-2'));
  await store.hosts.remove(await store.hosts.require('local-10'));
  expect((await store.hosts.list()).items.map(({ value }) => value.host_id)).toEqual(['local-1']);
});

test.each(['local', '10.0.0.1'])(
  'a host at %s is not removed where an instance is placed on it in the same moment',
  async (address) => {
    const store = open();
    await store.hosts.put(host('host-1', { address }), 'absent');
    const stored = await store.hosts.require('host-1');
    const { found, unchanged } = await readOccupants(store.kv, store.keys, stored.value);
    expect(found).toEqual([]);
    const place = address === 'local' ? LOCAL_MACHINE : 'host-1';
    await put(
      store,
      store.ports.reserve({ host: place, port: 5432, instance_id: 'shop.n1.host-1' }),
      store.hosts.stillThere('host-1'),
    );
    const removal: Write = { kind: 'delete', key: stored.key, expect: { modRevision: stored.modRevision } };
    const error = await errorOf(commitUnlocked(store.kv, store.keys, [removal, unchanged]));
    expect(error).toMatchObject({ code: 'stale', message: expect.stringContaining(`/ports/${place}/`) });
    expect(await store.hosts.get('host-1')).not.toBeNull();
  },
);

test('what is on a shared machine for its other hosts does not keep a host', async () => {
  const store = open();
  await store.hosts.put(host('local-1', { address: 'local' }), 'absent');
  await put(
    store,
    store.ports.reserve({ host: LOCAL_MACHINE, port: 5432, instance_id: 'shop.n1.local-2' }),
    store.instances.write(instance('shop.n1.local-2'), 'any'),
  );
  await store.hosts.remove(await store.hosts.require('local-1'));
  expect(await store.hosts.get('local-1')).toBeNull();
  expect(await store.hosts.tombstoneOf('local-1')).toBeNull();
});

test('a host that was lost is remembered until it is registered again', async () => {
  const store = open();
  await put(store, store.hosts.tombstone('host-1', NOW));
  const tombstone = await store.hosts.tombstoneOf('host-1');
  expect(tombstone).not.toBeNull();
  // Whoever did not see the tombstone did not look at the host.
  expect(await errorOf(store.hosts.register(host('host-1'), null))).toMatchObject({ code: 'stale' });
  expect(await store.hosts.get('host-1')).toBeNull();
  await store.hosts.register(host('host-1'), tombstone);
  expect(await store.hosts.tombstoneOf('host-1')).toBeNull();
  expect(await errorOf(store.hosts.register(host('host-1'), null))).toMatchObject({ code: 'stale' });
  await store.hosts.register(host('host-2'), null);
  expect((await store.hosts.list()).items).toHaveLength(2);
});
