import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '../../src/secret.ts';
import type { Store, StoreOptions } from '../../src/store/store.ts';
import { startEtcd, type Etcd } from './etcd.ts';
import { database, errorOf, host, lockOf, storeOn } from './fixtures.ts';

const run = promisify(execFile);
const stores: Store[] = [];
afterAll(() => {
  for (const store of stores) store.close();
});

describe('an etcd with users', () => {
  let etcd: Etcd;
  const PREFIX = '/team';
  const TTL_SECONDS = 1;

  beforeAll(async () => {
    etcd = await startEtcd({ args: ['--auth-token-ttl', String(TTL_SECONDS)] });
    const etcdctl = (...args: readonly string[]) =>
      run('etcdctl', [`--endpoints=${etcd.endpoint}`, ...args], {
        env: { PATH: process.env['PATH'], ETCDCTL_API: '3' },
      });
    for (const [user, role, permission] of [
      ['ann', 'writer', 'readwrite'],
      ['rob', 'reader', 'read'],
    ] as const) {
      await etcdctl('role', 'add', role);
      await etcdctl('role', 'grant-permission', '--prefix=true', role, permission, `${PREFIX}/`);
      await etcdctl('user', 'add', `${user}:word-of-${user}`);
      await etcdctl('user', 'grant-role', user, role);
    }
    await etcdctl('user', 'add', 'root:root');
    await etcdctl('user', 'grant-role', 'root', 'root');
    await etcdctl('auth', 'enable');
  });
  afterAll(() => etcd.stop());

  function as(
    user: string | null,
    password = `word-of-${user ?? ''}`,
    options: Partial<StoreOptions> = {},
  ): Store {
    const auth = user === null ? null : { user, password: new Secret(password) };
    const store = storeOn(etcd, { prefix: PREFIX, auth, ...options });
    stores.push(store);
    return store;
  }

  test('is used with a role that reaches the prefix only, lease and all', async () => {
    const store = as('ann');
    const lock = await lockOf(store);
    await lock.commit([store.databases.write(database('shop'), 'any')]);
    expect(await store.kv.keepAliveOnce(lock.leaseId)).toBeGreaterThan(0);
    expect((await store.readFleet()).databases).toHaveLength(1);
    await lock.release();
    expect(await errorOf(as('ann', undefined, { prefix: '/other' }).readFleet())).toMatchObject({
      code: 'etcd_refused',
    });
  });

  test('is asked for a new token when the old one has expired', async () => {
    const store = as('ann');
    await store.readFleet();
    await new Promise((resolve) => setTimeout(resolve, (TTL_SECONDS + 1.5) * 1000));
    expect((await store.readFleet()).databases).toHaveLength(1);
  });

  test('lets a user who may only read read, and tells them no before anything is touched', async () => {
    const store = as('rob');
    expect((await store.readDatabase('shop')).database?.value.database_id).toBe('shop');
    const error = await errorOf(lockOf(store));
    expect(error).toMatchObject({ code: 'etcd_refused', exitCode: 7 });
    expect((error as Error).message).toContain('etcd does not permit this');
    expect(await errorOf(store.hosts.put(host('host-1'), 'absent'))).toMatchObject({ code: 'etcd_refused' });
    expect(await errorOf(store.hosts.assertPermitted('host-1'))).toMatchObject({ code: 'etcd_refused' });
    await as('ann').hosts.assertPermitted('host-1');
    expect(await as('ann').kv.range(`${PREFIX}/v1/hosts/`)).toEqual([]);
  });

  test.each([
    ['a wrong password', 'ann', 'geheim'],
    ['an unknown user', 'eve', 'geheim'],
    ['no user', null, ''],
  ])('says no at once to %s', async (_, user, password) => {
    const began = performance.now();
    const error = await errorOf(as(user, password).readFleet());
    expect(error).toMatchObject({ code: 'etcd_refused' });
    expect(performance.now() - began).toBeLessThan(1500);
    expect(JSON.stringify([error, (error as Error).message, (error as Error).stack])).not.toContain('geheim');
  });
});

describe('users of instances', () => {
  let etcd: Etcd;
  const user = 'team/shop.n1.host-1';
  const instance = (password: string) => ({
    ...{ user, scopePrefix: '/team/patroni/shop.n1/', guardKey: '/team/v1/guards/shop.n1.host-1' },
    password: new Secret(password),
  });
  const as = (name: string | null, password = ''): Store => {
    const auth = name === null ? null : { user: name, password: new Secret(password) };
    const store = storeOn(etcd, { prefix: '/team', auth });
    stores.push(store);
    return store;
  };

  beforeAll(async () => {
    etcd = await startEtcd();
    expect(await as(null).etcdUsers.rights()).toBe('no_auth');
    const etcdctl = (...args: readonly string[]) =>
      run('etcdctl', [`--endpoints=${etcd.endpoint}`, ...args], {
        env: { PATH: process.env['PATH'], ETCDCTL_API: '3' },
      });
    for (const name of ['root', 'ann']) {
      await etcdctl('role', 'add', name);
      await etcdctl('role', 'grant-permission', '--prefix=true', name, 'readwrite', '/team/');
      await etcdctl('user', 'add', `${name}:${name}`);
      await etcdctl('user', 'grant-role', name, name);
    }
    await etcdctl('auth', 'enable');
  });
  afterAll(() => etcd.stop());

  test('can be made by root alone', async () => {
    expect(await as('root', 'root').etcdUsers.rights()).toBe('granted');
    expect(await as('ann', 'ann').etcdUsers.rights()).toBe('denied');
    expect(await errorOf(as('ann', 'ann').etcdUsers.put(instance('geheim')))).toMatchObject({
      code: 'etcd_refused',
      exitCode: 7,
    });
  });

  test('reach their own cluster and read their guard, and what is asked twice is done once', async () => {
    const { etcdUsers } = as('root', 'root');
    await etcdUsers.put({ ...instance('first'), scopePrefix: '/team/patroni/blog.n1/' });
    await etcdUsers.put(instance('geheim'));
    await etcdUsers.put(instance('geheim'));
    const { kv } = as(user, 'geheim');
    const put = (key: string) =>
      kv.txn({ compare: [], success: [{ op: 'put', key, value: 'x' }], failure: [] });
    expect((await put('/team/patroni/shop.n1/leader')).succeeded).toBe(true);
    expect(await kv.get('/team/v1/guards/shop.n1.host-1')).toBeNull();
    for (const key of ['/team/patroni/blog.n1/leader', '/team/v1/guards/shop.n1.host-1', '/other'])
      expect(await errorOf(put(key))).toMatchObject({ code: 'etcd_refused' });
    for (const key of ['/team/patroni/blog.n1/leader', '/team/v1/guards/shop.n1.host-2'])
      expect(await errorOf(kv.get(key))).toMatchObject({ code: 'etcd_refused' });
    expect(await errorOf(as(user, 'first').kv.get('/team/patroni/shop.n1/leader'))).toMatchObject({
      code: 'etcd_refused',
    });
  });

  test('are made side by side, while others write', async () => {
    const store = as('root', 'root');
    const names = ['a', 'b', 'c'].map((name) => `team/${name}.n1.host-1`);
    await Promise.all([
      ...names.map((name) => store.etcdUsers.put({ ...instance('geheim'), user: name })),
      ...[1, 2, 3].map((n) => store.hosts.put(host(`host-${n}`), 'absent')),
    ]);
    expect(await store.etcdUsers.list()).toEqual(expect.arrayContaining(names));
    await Promise.all(names.map((name) => store.etcdUsers.drop(name)));
  });

  test('are gone with their leases, and what was dropped can be dropped again', async () => {
    const store = as('root', 'root');
    const own = as(user, 'geheim');
    const lease = await own.kv.grantLease(60);
    const members = '/team/patroni/shop.n1/members/';
    for (const [key, value] of [
      ['/team/patroni/shop.n1/leader', 'host-1'],
      [`${members}host-1`, '{}'],
    ] as const)
      await own.kv.txn({ compare: [], success: [{ op: 'put', key, value, lease }], failure: [] });
    for (let n = 0; n < 2; n += 1) {
      await store.etcdUsers.drop(user);
      await store.patroni.revokeLeases('shop.n1', 'host-1');
    }
    expect(await store.kv.range('/team/patroni/shop.n1/')).toEqual([]);
    expect(await store.kv.keepAliveOnce(lease)).toBe(0);
    expect(await errorOf(own.kv.get('/team/patroni/shop.n1/leader'))).toMatchObject({ code: 'etcd_refused' });
    expect([...(await store.etcdUsers.list())].sort()).toEqual(['ann', 'root']);
  });
});
