import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server as TcpServer,
} from 'node:net';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '../../src/secret.ts';
import { HttpReader } from '../../src/store/http-reader.ts';
import { Kv, type KvOptions } from '../../src/store/kv.ts';
import type { RangeSpec } from '../../src/store/range.ts';
import { machinePort } from '../lab/ports.ts';
import { Certificates } from './certificates.ts';
import { startEtcd, type Etcd } from './etcd.ts';
import { errorOf, newPrefix, scratchDirectory } from './fixtures.ts';
import { lossyProxy } from './proxy.ts';

let etcd: Etcd;
const open: { close(): void }[] = [];

const remember = <T extends { close(): void }>(one: T): T => {
  open.push(one);
  return one;
};

const readerOf = (place: Partial<ConstructorParameters<typeof HttpReader>[0]> = {}): HttpReader =>
  remember(new HttpReader({ endpoint: etcd.endpoint, tls: null, auth: null, ...place }));

const kvOn = (endpoints: readonly string[], changes: Partial<KvOptions> = {}): Kv =>
  remember(
    new Kv({
      ...{ endpoints, tls: null, auth: null, attemptMs: 2000, totalMs: 30_000, firstContactMs: 5000 },
      ...changes,
    }),
  );

/** One that asks over gRPC from its first read on. */
async function grpcOn(endpoints: readonly string[], changes: Partial<KvOptions> = {}): Promise<Kv> {
  const kv = kvOn(endpoints, changes);
  await kv.ping('/', 5000);
  return kv;
}

async function put(entries: readonly (readonly [string, string])[]): Promise<void> {
  const kv = kvOn([etcd.endpoint]);
  for (let start = 0; start < entries.length; start += 100) {
    const success = entries
      .slice(start, start + 100)
      .map(([key, value]) => ({ op: 'put' as const, key, value }));
    await kv.txn({ compare: [], success, failure: [] });
  }
}

beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(async () => {
  for (const one of open) one.close();
  await etcd.stop();
});

describe('a read over HTTP', () => {
  const prefix = `${newPrefix()}/`;
  const many = Array.from({ length: 2500 }, (_, n) => `${prefix}many/${String(n).padStart(4, '0')}`);

  beforeAll(async () => {
    const kv = kvOn([etcd.endpoint]);
    await put(many.map((key) => [key, `value of ${key}`]));
    await put([
      [`${prefix}one/empty`, ''],
      [`${prefix}one/schön`, 'größe ☃ \u0000'],
      [`${prefix}one/large`, 'x'.repeat(300_000)],
    ]);
    const lease = await kv.grantLease(60);
    const key = `${prefix}one/leased`;
    await kv.txn({ compare: [], success: [{ op: 'put', key, value: '1', lease }], failure: [] });
    await kv.txn({ compare: [], success: [{ op: 'touch', key }], failure: [] });
    // No text in any encoding: pgctl writes none of these, but others do.
    await etcd.etcdctl('put', `${prefix}one/raw`, Buffer.from([0x80, 0xff, 0xfe]).toString('latin1'));
  });

  test.each<[title: string, specs: (prefix: string) => readonly RangeSpec[]]>([
    ['a key', (p) => [{ key: `${p}one/leased` }]],
    ['a key that is not there', (p) => [{ key: `${p}none` }]],
    ['values that are empty, binary, large and under a lease', (p) => [{ key: `${p}one/`, prefix: true }]],
    ['a prefix with nothing in it', (p) => [{ key: `${p}none/`, prefix: true }]],
    ['three pages', (p) => [{ key: `${p}many/`, prefix: true }]],
    ['names alone', (p) => [{ key: `${p}many/`, prefix: true, keysOnly: true }]],
    ['the last ones, backwards', (p) => [{ key: `${p}many/`, prefix: true, descending: true, limit: 1500 }]],
    ['those from one on', (p) => [{ key: `${p}many/`, prefix: true, from: `${p}many/0900` }]],
    [
      'several at once',
      (p) => [
        { key: `${p}many/`, prefix: true },
        { key: `${p}one/empty` },
        { key: `${p}one/`, prefix: true },
      ],
    ],
  ])('of %s is what gRPC reads', async (_, specs) => {
    const grpc = await grpcOn([etcd.endpoint]);
    const found = await readerOf().read(specs(prefix), 5000);
    expect(found).toEqual(await grpc.read(specs(prefix)));
    expect(found.flat().every(({ value }) => Buffer.isBuffer(value))).toBe(true);
  });

  test('is all at one revision, whatever is written between two pages', async () => {
    const base = `${newPrefix()}/`;
    const key = (n: number): string => `${base}${String(n).padStart(4, '0')}`;
    await put(Array.from({ length: 2500 }, (_, n) => [key(n), 'before']));
    const proxy = await between((nth) =>
      nth === 2
        ? put([
            [key(2400), 'after'],
            [`${base}new`, 'after'],
          ])
        : undefined,
    );
    const [found] = await readerOf({ endpoint: proxy.endpoint }).read([{ key: base, prefix: true }], 5000);
    expect(proxy.paths).toHaveLength(3);
    expect(found).toHaveLength(2500);
    expect(new Set(found?.map(({ value }) => value.toString()))).toEqual(new Set(['before']));
    proxy.close();
  });

  test('is one request with others that are asked for in one go, and each has its own answer', async () => {
    const proxy = await between(() => undefined);
    const reader = readerOf({ endpoint: proxy.endpoint });
    const one = [{ key: `${prefix}one/empty` }, { key: `${prefix}none` }];
    const found = await Promise.all([
      reader.read(one, 5000),
      reader.read([{ key: `${prefix}many/`, prefix: true, limit: 2 }], 5000),
      reader.read([{ key: `${prefix}one/leased` }], 5000),
    ]);
    expect(found.map((each) => each.map((range) => range.map(({ key }) => key)))).toEqual([
      [[`${prefix}one/empty`], []],
      [many.slice(0, 2)],
      [[`${prefix}one/leased`]],
    ]);
    expect(proxy.paths).toEqual(['/v3/kv/txn']);
    const each = many.slice(0, 100).map((key) => ({ key }));
    const both = await Promise.all([reader.read(each, 5000), reader.read(each, 5000)]);
    expect(both.map((ranges) => ranges.flat().length)).toEqual([100, 100]);
    expect(proxy.paths).toHaveLength(3);
    proxy.close();
  });

  test('of more keys than are worth it is refused with the first answer', async () => {
    const base = `${newPrefix()}/`;
    await put(Array.from({ length: 4100 }, (_, n) => [`${base}${n}`, 'v']));
    const proxy = await between(() => undefined);
    const reader = readerOf({ endpoint: proxy.endpoint });
    await expect(reader.read([{ key: base, prefix: true }], 5000)).rejects.toThrow('too much');
    expect(proxy.paths).toEqual(['/v3/kv/txn']);
    const [few] = await reader.read([{ key: base, prefix: true, limit: 10 }], 5000);
    expect(few).toHaveLength(10);
    expect(await kvOn([proxy.endpoint]).range(base)).toHaveLength(4100);
    proxy.close();
  });
});

/** Stands in front of etcd's HTTP side and its gRPC, and does something before a request is passed on. */
async function between(before: (nth: number) => Promise<void> | undefined): Promise<{
  readonly endpoint: string;
  readonly paths: readonly string[];
  close(): void;
}> {
  const paths: string[] = [];
  const http = createServer((request, response) => void passOn(request, response));
  const passOn = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? '';
    paths.push(path);
    await before(paths.length);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const answer = await fetch(`${etcd.endpoint}${path}`, { method: 'POST', body: Buffer.concat(chunks) });
    response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()));
  };
  const front = await frontOf(http);
  return { endpoint: front.endpoint, paths, close: () => front.close() };
}

/** One port for both: HTTP goes to a server of the test's, gRPC to etcd. */
async function frontOf(http: Server): Promise<{ readonly endpoint: string; close(): void }> {
  const portOf = async (server: TcpServer): Promise<number> => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return (server.address() as AddressInfo).port;
  };
  const httpPort = await portOf(http);
  const front = createTcpServer((client) => {
    client.once('data', (first) => {
      // gRPC begins with HTTP/2's preface.
      const to = connect(first.subarray(0, 3).toString() === 'PRI' ? etcd.port : httpPort, '127.0.0.1');
      for (const [socket, other] of [
        [client, to],
        [to, client],
      ] as const) {
        socket.on('error', () => undefined);
        socket.on('close', () => other.destroy());
      }
      to.write(first);
      client.pipe(to).pipe(client);
    });
  });
  return {
    endpoint: `http://127.0.0.1:${await portOf(front)}`,
    close() {
      http.closeAllConnections();
      http.close();
      front.close();
    },
  };
}

describe('where HTTP does not answer as it should, gRPC does, and nobody notices', () => {
  const prefix = `${newPrefix()}/`;
  const keys = ['a', 'b', 'c'].map((name) => `${prefix}${name}`);
  beforeAll(() => put(keys.map((key) => [key, `value of ${key}`])));

  const header = { revision: '1' };
  const page = (kvs: unknown, more = {}): object => ({
    header,
    responses: [{ response_range: { kvs, count: '1', ...more } }],
  });
  const says =
    (body: unknown, status = 200) =>
    (_: IncomingMessage, response: ServerResponse): void =>
      void response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));

  test.each<[title: string, answer: (request: IncomingMessage, response: ServerResponse) => void]>([
    ['refuses', says({ error: 'no' }, 503)],
    ['knows no such page', says('404 page not found', 404)],
    ['is no JSON', says('<html>hello</html>')],
    ['is empty', says('')],
    ['is null', says('null')],
    ['is another object', says({ hello: 'world' })],
    ['has no revision', says({ responses: [{ response_range: {} }] })],
    [
      'is of another request',
      says({ header, responses: [{ response_range: {} }, { response_range: {} }, { response_range: {} }] }),
    ],
    ['is of a write', says({ header, responses: [{ response_put: {} }] })],
    ['has no list of keys', says(page('x'))],
    ['has keys that are none', says(page([7]))],
    ['has keys without a revision', says(page([{ key: 'YQ==' }]))],
    ['has numbers for text', says(page([], { count: 1 }))],
    [
      'holds more than there is',
      says(page([{ key: 'YQ==', mod_revision: '1', create_revision: '1', version: '1' }], { count: '0' })),
    ],
    ['promises more that does not come', says(page([], { count: '9', more: true }))],
    [
      'leads elsewhere',
      (_, response) => void response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
    ],
    ['is cut in its head', (request) => void request.socket.destroy()],
    [
      'is cut in its body',
      (request, response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"header":', () => request.socket.destroy());
      },
    ],
    ['does not come', () => undefined],
    [
      'comes a byte a second',
      (_, response) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write(' '), 300);
        response.on('close', () => clearInterval(timer));
      },
    ],
  ])('an answer that %s', async (_, answer) => {
    let asked = 0;
    const front = await frontOf(
      createServer((request, response) => {
        asked += 1;
        request.resume().on('end', () => answer(request, response));
      }),
    );
    const kv = kvOn([front.endpoint], { attemptMs: 600 });
    const began = performance.now();
    const found = await Promise.all([kv.range(prefix), kv.get(keys[1] ?? '')]);
    expect(performance.now() - began).toBeLessThan(4000);
    expect(found).toMatchObject([keys.map((key) => ({ key })), { key: keys[1] }]);
    expect(asked).toBeGreaterThan(0);
    // It was doubted once, and is not asked again.
    const before = asked;
    expect(await kv.range(prefix)).toHaveLength(3);
    expect(asked).toBe(before);
    front.close();
  });

  test('a connection that breaks after the request was carried out', async () => {
    const proxy = await lossyProxy(etcd.port);
    const kv = kvOn([proxy.endpoint]);
    const dropped = proxy.dropNextReply();
    expect(await kv.range(prefix)).toHaveLength(3);
    await dropped;
    await proxy.close();
  });

  test('an etcd that is stopped and goes on', async () => {
    const proxy = await lossyProxy(etcd.port);
    proxy.freeze();
    const kv = kvOn([proxy.endpoint], { attemptMs: 300 });
    const reading = kv.range(prefix);
    setTimeout(() => proxy.thaw(), 1000);
    expect(await reading).toHaveLength(3);
    await proxy.close();
  });

  test('an etcd that stays silent is given up when its time is over, not later', async () => {
    const proxy = await lossyProxy(etcd.port);
    proxy.freeze();
    const kv = kvOn([proxy.endpoint], { attemptMs: 500, firstContactMs: 2000 });
    const began = performance.now();
    expect(await errorOf(kv.range(prefix))).toMatchObject({ code: 'etcd_unreachable' });
    expect(performance.now() - began).toBeLessThan(4000);
    await proxy.close();
  });

  test('a first endpoint where nothing listens', async () => {
    const dead = `http://127.0.0.1:${await machinePort()}`;
    expect(await kvOn([dead, etcd.endpoint]).range(prefix)).toHaveLength(3);
  });

  test('a read after a write sees it, and so does one beside it', async () => {
    const kv = kvOn([etcd.endpoint]);
    const key = `${prefix}a`;
    const first = await kv.get(key);
    const { revision } = await kv.txn({ compare: [], success: [{ op: 'touch', key }], failure: [] });
    expect(await kv.get(key)).toMatchObject({ modRevision: revision });
    expect(await kvOn([etcd.endpoint]).get(key)).toMatchObject({ modRevision: revision });
    expect(first?.modRevision).not.toBe(revision);
  });

  test('a read after the close is told so, and one that is under way ends', async () => {
    const proxy = await lossyProxy(etcd.port);
    proxy.freeze();
    const kv = kvOn([proxy.endpoint]);
    const reading = errorOf(kv.range(prefix));
    setTimeout(() => kv.close(), 100);
    const began = performance.now();
    expect(await reading).toMatchObject({
      code: 'internal',
      message: 'the store was used after it was closed',
    });
    expect(performance.now() - began).toBeLessThan(1000);
    await proxy.close();
  });
});

describe('a read over HTTP with TLS and users', () => {
  /** With certificates of clients; with users; with both. */
  const etcds = new Map<'certified' | 'users' | 'both', Etcd>();
  let certificates: Certificates;
  const ann = { user: 'ann', password: new Secret('word-of-ann') };

  beforeAll(async () => {
    certificates = new Certificates(scratchDirectory());
    await certificates.authority('ca');
    for (const name of ['server', 'client']) await certificates.issue(name);
    const file = (name: string): string => certificates.path(name);
    const tls = ['--cacert', file('ca.crt'), '--cert', file('client.crt'), '--key', file('client.key')];
    const server = ['--cert-file', file('server.crt'), '--key-file', file('server.key')];
    const clients = ['--client-cert-auth', '--trusted-ca-file', file('ca.crt')];
    const options = await certificates.options('ca', 'client');
    const ready = (endpoint: string): Promise<boolean> =>
      readerOf({ endpoint, tls: options })
        .read([{ key: '/none' }], 500)
        .then(
          () => true,
          () => false,
        );
    for (const kind of ['certified', 'users', 'both'] as const) {
      const args = kind === 'users' ? server : [...server, ...clients];
      const one = await startEtcd({ scheme: 'https', args, ready });
      etcds.set(kind, one);
      await one.etcdctl(...tls, 'put', '/team/a', 'value');
      if (kind === 'certified') continue;
      for (const user of ['root', 'ann']) {
        await one.etcdctl(...tls, 'role', 'add', user);
        await one.etcdctl(...tls, 'role', 'grant-permission', '--prefix=true', user, 'readwrite', '/team/');
        await one.etcdctl(...tls, 'user', 'add', `${user}:word-of-${user}`);
        await one.etcdctl(...tls, 'user', 'grant-role', user, user);
      }
      await one.etcdctl(...tls, 'auth', 'enable');
    }
  });
  afterAll(async () => {
    for (const one of etcds.values()) await one.stop();
  });

  const at = (kind: 'certified' | 'users' | 'both'): string => etcds.get(kind)?.endpoint ?? '';

  test('is had with a certificate', async () => {
    const tls = await certificates.options('ca', 'client');
    const [found] = await readerOf({ endpoint: at('certified'), tls }).read([{ key: '/team/a' }], 5000);
    expect(found?.[0]?.value.toString()).toBe('value');
  });

  test('is had with a password, and gRPC goes on with the same login', async () => {
    const tls = await certificates.options('ca', null);
    const reader = readerOf({ endpoint: at('users'), tls, auth: ann });
    const [found] = await reader.read([{ key: '/team/a' }], 5000);
    expect(found?.[0]?.value.toString()).toBe('value');
    expect(reader.token).toEqual(expect.any(String));
    const kv = kvOn([at('users')], { tls, auth: ann });
    await kv.get('/team/a');
    const put = { op: 'put', key: '/team/b', value: 'b' } as const;
    expect(await kv.txn({ compare: [], success: [put], failure: [] })).toMatchObject({ repeated: false });
    expect((await kv.get('/team/b'))?.value.toString()).toBe('b');
  });

  test('is left to gRPC where etcd takes certificate and password over that alone', async () => {
    const tls = await certificates.options('ca', 'client');
    const reader = readerOf({ endpoint: at('both'), tls, auth: ann });
    await expect(reader.read([{ key: '/team/a' }], 5000)).rejects.toThrow('HTTP 400');
    const kv = kvOn([at('both')], { tls, auth: ann });
    expect((await kv.get('/team/a'))?.value.toString()).toBe('value');
  });

  test.each<[title: string, kind: 'certified' | 'users', ca: string | null, auth: typeof ann | null]>([
    ['no certificate of the client', 'certified', 'ca', null],
    ['no authority', 'users', null, ann],
    ['no user', 'users', 'ca', null],
    ['a wrong password', 'users', 'ca', { ...ann, password: new Secret('geheim') }],
  ])('is not had with %s, and gRPC says so', async (_, kind, ca, auth) => {
    const place = { tls: await certificates.options(ca, null), auth };
    const reader = readerOf({ endpoint: at(kind), ...place });
    const errors = [
      await errorOf(reader.read([{ key: '/team/a' }], 5000)),
      await errorOf(kvOn([at(kind)], place).get('/team/a')),
    ];
    expect(errors[1]).toMatchObject({ code: expect.stringMatching(/^etcd_/) as string });
    expect(errors.map((error) => inspect(error)).join('')).not.toMatch(/word-of-ann|geheim/);
  });

  test('of keys that the user may not see is refused', async () => {
    const kv = kvOn([at('users')], { tls: await certificates.options('ca', null), auth: ann });
    expect(await errorOf(kv.get('/other'))).toMatchObject({
      code: 'etcd_refused',
      message: expect.stringContaining('etcd does not permit this') as string,
    });
  });
});

test('a proxy for the web gets nothing of a read over HTTP', async () => {
  const dead = `http://127.0.0.1:${await machinePort()}`;
  const names = ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'NODE_USE_ENV_PROXY'];
  const before = names.map((name) => [name, process.env[name]] as const);
  for (const name of names) process.env[name] = name.startsWith('NODE') ? '1' : dead;
  try {
    expect(await readerOf().read([{ key: '/none' }], 1000)).toEqual([[]]);
  } finally {
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  }
});
