import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PgctlError } from '../../src/errors.ts';
import type { Store } from '../../src/store/store.ts';
import { Certificates } from './certificates.ts';
import { type Etcd, startEtcd } from './etcd.ts';
import { errorOf, host, scratchDirectory, storeOn } from './fixtures.ts';

const certificates = new Certificates(scratchDirectory());
const stores: Store[] = [];
/** By the certificate that each has; `none` speaks no TLS. */
const etcds = new Map<string, Etcd>();

/** Whether somebody listens there; etcd does before it answers, which is soon enough for pgctl. */
async function listens(endpoint: string): Promise<boolean> {
  const { hostname, port } = new URL(endpoint);
  const socket = connect(Number(port), hostname);
  const answer = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return answer;
}

async function startWith(server: string): Promise<Etcd> {
  const file = (name: string): string => certificates.path(name);
  return startEtcd({
    scheme: 'https',
    args: [
      ...['--cert-file', file(`${server}.crt`), '--key-file', file(`${server}.key`)],
      ...['--client-cert-auth', '--trusted-ca-file', file('ca.crt')],
    ],
    ready: listens,
  });
}

interface Way {
  /** The certificate of the etcd that is asked. */
  readonly server?: string;
  /** As it is written in --endpoints. */
  readonly scheme?: 'http:' | 'https:';
  readonly ca?: string | null;
  readonly client?: string | null;
}

/** A store that is reached as it should be, but for what is said. */
async function storeBy({
  server = 'server',
  scheme = 'https:',
  ca = 'ca',
  client = 'client',
}: Way): Promise<Store> {
  const endpoint = (etcds.get(server)?.endpoint ?? '').replace(/^https?:/, scheme);
  const store = storeOn({ endpoint }, { tls: await certificates.options(ca, client) });
  stores.push(store);
  return store;
}

beforeAll(async () => {
  for (const name of ['ca', 'stranger']) await certificates.authority(name);
  for (const name of ['server', 'client']) await certificates.issue(name);
  await certificates.issue('expired', { days: -1 });
  await certificates.issue('elsewhere', { subject: 'DNS:etcd.example.com' });
  await certificates.issue('unsigned', { ca: 'stranger' });
  for (const name of ['server', 'expired', 'elsewhere']) etcds.set(name, await startWith(name));
  etcds.set('none', await startEtcd());
});
afterAll(async () => {
  for (const store of stores) store.close();
  for (const etcd of etcds.values()) await etcd.stop();
});

describe('an etcd over TLS', () => {
  test('is used with its CA and a client certificate', async () => {
    const store = await storeBy({});
    await store.hosts.put(host('host-1'), 'absent');
    expect((await store.hosts.list()).items).toHaveLength(1);
  });

  test.each<[title: string, way: Way, what: RegExp, hint: RegExp]>([
    [
      'a certificate that has expired',
      { server: 'expired' },
      /: its certificate has expired$/,
      /Renew .*clock/,
    ],
    [
      'a certificate for another name',
      { server: 'elsewhere' },
      /: its certificate is for DNS:etcd\.example\.com, not for 127\.0\.0\.1$/,
      /--endpoints/,
    ],
    ['another CA', { ca: 'stranger' }, /authority that is not trusted here$/, /--cacert/],
    ['no CA', { ca: null }, /authority that is not trusted here$/, /--cacert/],
    ['no client certificate', { client: null }, /it wants a certificate of pgctl$/, /--cert and --key/],
    [
      'a client certificate that has expired',
      { client: 'expired' },
      /: pgctl's own certificate expired on \w/,
      /renewed/,
    ],
    [
      'one of another authority',
      { client: 'unsigned' },
      /does not accept pgctl's certificate$/,
      /--cert and --key/,
    ],
    ['http in place of https', { scheme: 'http:' }, /this address wants TLS$/, /https:\/\//],
    ['https in place of http', { server: 'none' }, /there is no TLS at this address$/, /http:\/\//],
  ])('is not reached with %s: that is told at once, with what to do', async (_, way, what, hint) => {
    const store = await storeBy(way);
    const began = performance.now();
    const error = (await errorOf(store.readFleet())) as PgctlError;
    expect(performance.now() - began).toBeLessThan(4000);
    expect(error).toMatchObject({ code: 'etcd_unreachable', exitCode: 7 });
    expect(error.message).toMatch(what);
    expect(error.hint).toMatch(hint);
  });

  test('is still waited for where only one of its endpoints cannot be used', async () => {
    const [good = '', bad = ''] = ['server', 'expired'].map((name) => etcds.get(name)?.endpoint);
    const store = storeOn(
      { endpoint: bad },
      { endpoints: [bad, good], tls: await certificates.options('ca', 'client'), timing: { attemptMs: 300 } },
    );
    stores.push(store);
    etcds.get('server')?.pause();
    const reading = store.readFleet();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    etcds.get('server')?.resume();
    expect((await reading).databases).toEqual([]);
  });
});
