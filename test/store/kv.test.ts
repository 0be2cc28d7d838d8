import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseEndpoints } from '../../src/store/endpoints.ts';
import { Kv, type KvOptions } from '../../src/store/kv.ts';
import { NEXT_PAGE, PAGE } from '../../src/store/range.ts';
import { machinePort } from '../lab/ports.ts';
import { startEtcd, type Etcd } from './etcd.ts';
import { errorOf, newPrefix } from './fixtures.ts';

let etcd: Etcd;
const open: Kv[] = [];

function kvOn(endpoints: readonly string[], changes: Partial<KvOptions> = {}): Kv {
  const kv = new Kv({
    endpoints,
    tls: null,
    auth: null,
    attemptMs: 2000,
    totalMs: 30_000,
    firstContactMs: 5000,
    ...changes,
  });
  open.push(kv);
  return kv;
}

async function put(kv: Kv, entries: readonly (readonly [string, string])[]): Promise<void> {
  for (let start = 0; start < entries.length; start += 100) {
    await kv.txn({
      compare: [],
      success: entries.slice(start, start + 100).map(([key, value]) => ({ op: 'put', key, value })),
      failure: [],
    });
  }
}

beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(async () => {
  for (const kv of open) kv.close();
  await etcd.stop();
});

describe('reading', () => {
  test('a key that is not there is null', async () => {
    expect(await kvOn([etcd.endpoint]).get(`${newPrefix()}/none`)).toBeNull();
  });

  test('a range of 3,500 keys is read in pages, in order, all at one revision', async () => {
    const kv = kvOn([etcd.endpoint]);
    const prefix = `${newPrefix()}/`;
    const keys = Array.from({ length: 3500 }, (_, index) => `${prefix}${String(index).padStart(4, '0')}`);
    await put(
      kv,
      keys.map((key) => [key, `value of ${key}`]),
    );
    expect(keys.length).toBeGreaterThan(PAGE + NEXT_PAGE);
    const reading = kv.range(prefix);
    const found = await reading;
    expect(found.map(({ key }) => key)).toEqual(keys);
    expect(found.at(-1)?.value.toString()).toBe(`value of ${keys.at(-1) ?? ''}`);
    const names = await kv.range(prefix, { keysOnly: true });
    expect(names).toHaveLength(3500);
    expect(names[0]?.value).toHaveLength(0);
    const newest = await kv.range(prefix, { descending: true, limit: 1500 });
    expect(newest.map(({ key }) => key)).toEqual(keys.toReversed().slice(0, 1500));
    const rest = await kv.range(prefix, { from: keys[900] ?? '' });
    expect(rest.map(({ key }) => key)).toEqual(keys.slice(900));
  });

  test('a range that is compacted away between two of its pages is read again', async () => {
    const kv = kvOn([etcd.endpoint]);
    const prefix = `${newPrefix()}/`;
    const keys = Array.from(
      { length: PAGE + 10 },
      (_, index) => `${prefix}${String(index).padStart(4, '0')}`,
    );
    await put(
      kv,
      keys.map((key) => [key, 'v']),
    );
    const etcdctl = (...args: readonly string[]): string =>
      execFileSync('etcdctl', [`--endpoints=${etcd.endpoint}`, ...args, '-w', 'json'], {
        env: { PATH: process.env['PATH'], ETCDCTL_API: '3' },
        encoding: 'utf8',
      });
    let asked = 0;
    const spec = {
      key: prefix,
      prefix: true as const,
      // Asked for with each page, the second time when the first has come.
      get limit() {
        if (++asked === 2) {
          const { header } = JSON.parse(etcdctl('put', '/elsewhere', 'v')) as {
            header: { revision: number };
          };
          etcdctl('compact', String(header.revision));
        }
        return keys.length;
      },
    };
    const [found] = await kv.read([spec]);
    expect(asked).toBeGreaterThan(4);
    expect(found?.map(({ key }) => key)).toEqual(keys);
  });

  test('several keys and prefixes are one transaction, and a prefix takes nothing else', async () => {
    const kv = kvOn([etcd.endpoint]);
    const base = newPrefix();
    await put(kv, [
      [`${base}/a/1`, 'x'],
      [`${base}/ab/1`, 'y'],
      [`${base}/b`, 'z'],
    ]);
    const [a, b, none] = await kv.read([
      { key: `${base}/a/`, prefix: true },
      { key: `${base}/b` },
      { key: `${base}/c` },
    ]);
    expect(a?.map(({ key }) => key)).toEqual([`${base}/a/1`]);
    expect(b?.[0]?.value.toString()).toBe('z');
    expect(none).toEqual([]);
  });
});

describe('transactions', () => {
  test('a compare that does not hold is no error, and says what is there', async () => {
    const kv = kvOn([etcd.endpoint]);
    const key = `${newPrefix()}/k`;
    await put(kv, [[key, 'first']]);
    const result = await kv.txn({
      compare: [{ key, createRevision: '0' }],
      success: [{ op: 'put', key, value: 'second' }],
      failure: [{ op: 'get', key }],
    });
    expect(result.succeeded).toBe(false);
    expect(result.repeated).toBe(false);
    expect(result.read[0]?.[0]?.value.toString()).toBe('first');
  });

  test('touching a key moves its version and leaves value and creation', async () => {
    const kv = kvOn([etcd.endpoint]);
    const key = `${newPrefix()}/k`;
    await put(kv, [[key, 'v']]);
    const before = await kv.get(key);
    await kv.txn({ compare: [], success: [{ op: 'touch', key }], failure: [] });
    const after = await kv.get(key);
    expect(after?.value.toString()).toBe('v');
    expect(after?.version).toBe('2');
    expect(after?.createRevision).toBe(before?.createRevision);
  });

  test('a request that etcd refuses ends at once', async () => {
    const kv = kvOn([etcd.endpoint]);
    const key = `${newPrefix()}/k`;
    const twice = { op: 'put', key, value: 'v' } as const;
    expect(await errorOf(kv.txn({ compare: [], success: [twice, twice], failure: [] }))).toMatchObject({
      code: 'etcd_refused',
    });
  });
});

describe('leases', () => {
  test('are granted, renewed once at a time, and revoked with their keys', async () => {
    const kv = kvOn([etcd.endpoint]);
    const key = `${newPrefix()}/k`;
    const lease = await kv.grantLease(30);
    await kv.txn({ compare: [], success: [{ op: 'put', key, value: 'v', lease }], failure: [] });
    expect((await kv.get(key))?.lease).toBe(lease);
    expect(await kv.keepAliveOnce(lease)).toBe(30);
    expect(await kv.leaseTtl(lease)).toBeGreaterThan(25);
    await kv.revokeLease(lease);
    expect(await kv.get(key)).toBeNull();
    expect(await kv.keepAliveOnce(lease)).toBe(0);
    expect(await kv.leaseTtl(lease)).toBe(0);
    await kv.revokeLease(lease);
  });
});

describe('etcd away', () => {
  test('one dead endpoint of two is not noticed', async () => {
    const dead = await machinePort();
    for (const endpoints of [
      [`http://127.0.0.1:${dead}`, etcd.endpoint],
      [etcd.endpoint, `http://127.0.0.1:${dead}`],
    ]) {
      const kv = kvOn(endpoints);
      const began = performance.now();
      for (let call = 0; call < 5; call += 1) expect(await kv.get('/none')).toBeNull();
      expect(performance.now() - began).toBeLessThan(1500);
    }
  });

  test('an address where nothing listens ends within the time of a first contact', async () => {
    const dead = await machinePort();
    const kv = kvOn([`http://127.0.0.1:${dead}`], { firstContactMs: 500 });
    const began = performance.now();
    expect(await errorOf(kv.get('/k'))).toMatchObject({
      code: 'etcd_unreachable',
      message: `etcd does not answer at http://127.0.0.1:${dead}`,
      details: [expect.not.stringContaining('Resolution note')],
    });
    expect(performance.now() - began).toBeLessThan(2000);
  });

  test('a stopped etcd ends each call within its time, and calls go through when it goes on', async () => {
    const own = await startEtcd();
    try {
      const kv = kvOn([own.endpoint], { attemptMs: 300, totalMs: 1000 });
      expect(await kv.get('/k')).toBeNull();
      own.pause();
      const began = performance.now();
      const put = { compare: [], success: [{ op: 'put', key: '/k', value: 'v' }], failure: [] } as const;
      const [read, write] = await Promise.all([errorOf(kv.get('/k')), errorOf(kv.txn(put))]);
      expect(performance.now() - began).toBeLessThan(2500);
      expect(read).toMatchObject({ code: 'etcd_unreachable' });
      expect(write).toMatchObject({ code: 'etcd_unreachable' });
      expect((write as Error).message).toContain('not known');
      const late = kv.get('/k');
      own.resume();
      await late;
    } finally {
      own.resume();
      await own.stop();
    }
  });

  test('a proxy for the web is not used', async () => {
    const dead = await machinePort();
    const before = process.env['http_proxy'];
    process.env['http_proxy'] = `http://127.0.0.1:${dead}`;
    try {
      expect(await kvOn([etcd.endpoint], { firstContactMs: 1000 }).get('/k')).toBeNull();
    } finally {
      if (before === undefined) delete process.env['http_proxy'];
      else process.env['http_proxy'] = before;
    }
  });
});

describe('endpoints', () => {
  test.each([
    [
      ['etcd-1:2379', 'http://etcd-2'],
      ['http://etcd-1:2379', 'http://etcd-2:2379'],
    ],
    [['https://10.0.0.1:443/'], ['https://10.0.0.1:443']],
    [['http://[::1]:2379', 'http://[::1]:2379'], ['http://[::1]:2379']],
    [[' http://a:80 '], ['http://a:80']],
  ])('%j are %j', (given, parsed) => {
    expect(parseEndpoints(given)).toEqual(parsed);
  });

  test.each([
    [[]],
    [['']],
    [['ftp://a']],
    [['http://a/b']],
    [['http://u:geheim@a']],
    [['http://a', 'https://b']],
    [['a b']],
  ])('%j are refused', (given) => {
    expect(() => parseEndpoints(given)).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(() => parseEndpoints(given)).not.toThrow(/geheim/);
  });
});
