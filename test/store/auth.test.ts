import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '../../src/secret.ts';
import type { Store, StoreOptions } from '../../src/store/store.ts';
import { startEtcd, type Etcd } from './etcd.ts';
import { database, errorOf, host, lockOf, storeOn, scratchDirectory } from './fixtures.ts';

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

describe('an etcd over TLS', () => {
  let etcd: Etcd;
  let dir: string;
  const file = (name: string): Promise<Buffer> => readFile(join(dir, name));

  beforeAll(async () => {
    dir = scratchDirectory();
    const openssl = (...args: readonly string[]) => run('openssl', args, { cwd: dir });
    for (const name of ['ca', 'stranger']) {
      await openssl(
        ...[
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:prime256v1',
          '-nodes',
          '-days',
          '2',
        ],
        ...['-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.crt`],
      );
    }
    for (const name of ['server', 'client']) {
      await openssl(
        ...[
          'req',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:prime256v1',
          '-nodes',
          '-subj',
          `/CN=${name}`,
        ],
        ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', `${name}.key`, '-out', `${name}.csr`],
      );
      await openssl(
        ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
        ...['-days', '2', '-copy_extensions', 'copy', '-out', `${name}.crt`],
      );
    }
    const tls = { ca: await file('ca.crt'), cert: await file('client.crt'), key: await file('client.key') };
    etcd = await startEtcd({
      scheme: 'https',
      args: [
        ...['--cert-file', join(dir, 'server.crt'), '--key-file', join(dir, 'server.key')],
        ...['--client-cert-auth', '--trusted-ca-file', join(dir, 'ca.crt')],
      ],
      ready: async (endpoint) => {
        const store = storeOn({ endpoint }, { tls, timing: { attemptMs: 200, firstContactMs: 200 } });
        const answered = await store.meta().then(
          () => true,
          () => false,
        );
        store.close();
        return answered;
      },
    });
  });
  afterAll(() => etcd.stop());

  test('is used with its CA and a client certificate', async () => {
    const tls = { ca: await file('ca.crt'), cert: await file('client.crt'), key: await file('client.key') };
    const store = storeOn(etcd, { tls });
    stores.push(store);
    await store.hosts.put(host('host-1'), 'absent');
    expect((await store.hosts.list()).items).toHaveLength(1);
  });

  test.each([
    ['another CA', 'stranger.crt', true],
    ['no client certificate', 'ca.crt', false],
    ['no CA', null, true],
  ])('is not reached with %s, and it says why', async (_, ca, withClient) => {
    const tls = {
      ca: ca === null ? null : await file(ca),
      cert: withClient ? await file('client.crt') : null,
      key: withClient ? await file('client.key') : null,
    };
    const store = storeOn(etcd, { tls, timing: { firstContactMs: 700 } });
    stores.push(store);
    const error = await errorOf(store.readFleet());
    expect(error).toMatchObject({ code: 'etcd_unreachable', exitCode: 7 });
    expect((error as { details: readonly string[] }).details).toHaveLength(1);
  });
});
