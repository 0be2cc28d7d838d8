import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Finding } from '../../../src/records/fleet.ts';
import { LOCAL_ADDRESS } from '../../../src/transport/transport.ts';
import type { Store } from '../../../src/store/store.ts';
import { emptyHome, pgctl } from '../../commands/run.ts';
import { machinePort } from '../../lab/ports.ts';
import { type Etcd, startEtcd } from '../etcd.ts';
import {
  database,
  host,
  instance,
  KEY_FILE,
  lockOf,
  newPrefix,
  scratchDirectory,
  storeOn,
  task,
} from '../fixtures.ts';

// A look at this machine as a host takes a child process or two.
vi.setConfig({ testTimeout: 60_000 });

const TASK = '20260412-101530123-k3f9qz';
const LOCAL = { address: LOCAL_ADDRESS, host_keys: [], service_manager: 'process' } as const;
let etcd: Etcd;
let full: Etcd;
let prefix = '';
let store: Store;
let home: ReturnType<typeof emptyHome>;
let base = '';

beforeAll(async () => {
  etcd = await startEtcd();
  full = await startEtcd({ args: ['--quota-backend-bytes', String(1024 * 1024)] });
});
afterAll(async () => {
  await etcd?.stop();
  await full?.stop();
});
beforeEach(() => {
  prefix = newPrefix();
  store = storeOn(etcd, { prefix });
  home = emptyHome();
  base = scratchDirectory();
  return () => {
    store.close();
    home.remove();
  };
});

interface Report {
  readonly code: number;
  readonly findings: readonly Finding[];
}
async function doctor(env: Record<string, string> = {}, more: readonly string[] = []): Promise<Report> {
  const { code, stdout, stderr } = await pgctl(['doctor', '-o', 'json', ...more], {
    env: {
      HOME: home.home,
      PATH: process.env.PATH ?? '',
      PGCTL_ENDPOINTS: etcd.endpoint,
      PGCTL_PREFIX: prefix,
      PGCTL_SECRET_KEY_FILE: KEY_FILE,
      ...env,
    },
  });
  expect(stderr).toBe('');
  const document = JSON.parse(stdout) as { kind: string; findings: readonly Finding[] };
  expect(document.kind).toBe('DoctorReport');
  return { code, findings: document.findings };
}
const about = ({ findings }: Report, subject: string): readonly Finding[] =>
  findings.filter((finding) => finding.subject === subject);

/** A directory as pgctl makes one, with its stamp. */
function stamped(id: string, uid: string): void {
  mkdirSync(join(base, id));
  writeFileSync(join(base, id, '.pgctl-instance'), `${id} ${uid}\n`);
}

async function records(
  ...writes: Parameters<Awaited<ReturnType<typeof lockOf>>['commit']>[0]
): Promise<void> {
  const lock = await lockOf(store);
  await lock.commit(writes);
  await lock.release();
}

describe('this machine and etcd', () => {
  it('an empty store is in order: 0, with notes at most', async () => {
    const report = await doctor();
    expect(report.code).toBe(0);
    expect(report.findings.map(({ severity, subject }) => [severity, subject])).toEqual([['info', 'etcd']]);
    expect(about(report, 'etcd')[0]?.message).toContain('cannot be locked out');
  });

  it('an etcd that is away is a finding, and ends with 1', async () => {
    const port = await machinePort();
    const endpoint = `http://127.0.0.1:${port}`;
    const alone = await doctor({ PGCTL_ENDPOINTS: endpoint });
    expect(alone.code).toBe(1);
    expect(about(alone, endpoint)).toMatchObject([{ severity: 'error' }]);
    const among = await doctor({ PGCTL_ENDPOINTS: `${endpoint},${etcd.endpoint}` });
    expect(about(among, endpoint)).toMatchObject([{ severity: 'warning' }]);
  });

  it('so is one that nobody named', async () => {
    const report = await doctor({ PGCTL_ENDPOINTS: '' });
    expect(report.code).toBe(1);
    expect(about(report, 'etcd')).toMatchObject([{ message: 'no etcd is known' }]);
  });

  it('an etcd that is full says how to make room', async () => {
    const filling = storeOn(full, { prefix });
    const value = 'x'.repeat(512 * 1024);
    // etcd counts what it has committed to disk, which it does every tenth of a second.
    const refused = (): Promise<boolean> =>
      filling.kv
        .txn({ compare: [], success: [{ op: 'put', key: `${prefix}/x`, value }], failure: [] })
        .then(() => false)
        .catch(() => true);
    await expect.poll(refused, { timeout: 20_000, interval: 100 }).toBe(true);
    filling.close();
    const report = await doctor({ PGCTL_ENDPOINTS: full.endpoint });
    expect(report.code).toBe(1);
    expect(about(report, 'etcd')).toContainEqual(
      expect.objectContaining({ severity: 'error', remedy: expect.stringContaining('etcdctl alarm disarm') }),
    );
    expect(about(report, full.endpoint).filter(({ message }) => message.includes('not healthy'))).toEqual([]);
  });

  it('a program for ssh that is not there', async () => {
    const report = await doctor({ PGCTL_SSH: '/nowhere/ssh' });
    expect(about(report, '/nowhere/ssh')).toMatchObject([{ severity: 'error' }]);
    expect(report.code).toBe(1);
  });

  it('files that others can read or change, and a context that is none', async () => {
    const config = join(home.home, '.config', 'pgctl');
    mkdirSync(config, { recursive: true });
    writeFileSync(join(config, 'config.yaml'), 'current: prod\ncontexts: {}\n');
    chmodSync(join(config, 'config.yaml'), 0o666);
    writeFileSync(join(home.home, 'password'), 'canary');
    chmodSync(join(home.home, 'password'), 0o644);
    const report = await doctor({ PGCTL_ETCD_PASSWORD_FILE: join(home.home, 'password') });
    expect(about(report, join(config, 'config.yaml'))).toMatchObject([
      { severity: 'error', message: expect.stringContaining('there is no context prod') },
      { severity: 'warning', remedy: expect.stringContaining('chmod 600') },
    ]);
    expect(about(report, join(home.home, 'password'))).toMatchObject([
      { severity: 'warning', message: expect.stringContaining('0644') },
    ]);
    expect(JSON.stringify(report)).not.toContain('canary');
  });

  it('a sealing key that is another store’s', async () => {
    await store.hosts.register(host('host-1', { ...LOCAL, base_dir: base }), null);
    const report = await doctor({ PGCTL_SECRET_KEY_FILE: join(base, 'none') });
    expect(about(report, 'sealing key')).toMatchObject([{ severity: 'error' }]);
  });
});

describe('records against hosts', () => {
  beforeEach(async () => {
    await store.hosts.register(host('host-1', { ...LOCAL, base_dir: base }), null);
    await records(
      store.databases.write(database('shop'), 'absent'),
      store.instances.write(instance('shop.n1.host-1', { state: 'stopped', running: false }), 'absent'),
    );
  });

  it('a record with its directory is in order', async () => {
    stamped('shop.n1.host-1', 'uid-shop');
    expect(about(await doctor(), 'shop.n1.host-1').filter(({ severity }) => severity !== 'info')).toEqual([]);
  });

  it('a record whose directory is not on its host', async () => {
    const report = await doctor();
    expect(report.code).toBe(1);
    expect(about(report, 'shop.n1.host-1')).toContainEqual({
      severity: 'error',
      subject: 'shop.n1.host-1',
      message: 'its record says stopped, and its directory with its data is not on host-1',
      remedy: expect.stringContaining('`pgctl db apply -f …`'),
    });
  });

  it('a directory of an earlier database of that name, and one that nobody knows', async () => {
    stamped('shop.n1.host-1', 'uid-before');
    stamped('gone.n1.host-1', 'uid-gone');
    const report = await doctor();
    expect(about(report, 'host-1: gone.n1.host-1')).toMatchObject([
      { severity: 'warning', remedy: expect.stringContaining(`rm -r ${join(base, 'gone.n1.host-1')}`) },
    ]);
    expect(about(report, 'host-1: shop.n1.host-1')).toMatchObject([{ severity: 'warning' }]);
    expect(about(report, 'shop.n1.host-1')).toContainEqual(expect.objectContaining({ severity: 'error' }));
  });

  it('nothing while somebody works on the database', async () => {
    stamped('gone.n1.host-1', 'uid-gone');
    const locks = [await lockOf(store), await lockOf(store, 'gone')];
    const report = await doctor();
    expect(about(report, 'host-1: gone.n1.host-1')).toEqual([]);
    expect(about(report, 'shop.n1.host-1').filter(({ severity }) => severity === 'error')).toEqual([]);
    for (const lock of locks) await lock.release();
  });

  it('an instance of no database, and one on a host that is not registered', async () => {
    await records(
      store.instances.write(instance('gone.n1.host-1'), 'absent'),
      store.instances.write(instance('shop.n1.host-9'), 'absent'),
    );
    const report = await doctor();
    expect(about(report, 'gone.n1.host-1')).toMatchObject([
      { remedy: `Remove it: \`etcdctl del ${prefix}/v1/instances/gone/gone.n1.host-1\`.` },
    ]);
    expect(about(report, 'shop.n1.host-9').map(({ remedy }) => remedy)).toContainEqual(
      expect.stringContaining('`pgctl host add host-9'),
    );
  });

  it('a host that does not answer is a finding, and the others are looked at', async () => {
    const port = await machinePort();
    await store.hosts.register(
      host('host-2', { address: '127.0.0.1', ssh: { user: null, port, identity_file: null } }),
      null,
    );
    const report = await doctor({}, ['--connect-timeout', '2s']);
    expect(report.code).toBe(1);
    expect(about(report, 'host-2')).toMatchObject([
      { severity: 'error', remedy: expect.stringContaining('`pgctl recover --remove-host host-2`') },
    ]);
    expect(about(report, 'shop.n1.host-1')).toContainEqual(expect.objectContaining({ severity: 'error' }));
  });
});

describe('orphans and interrupted runs', () => {
  it('are found with what settles them', async () => {
    await records(
      store.databases.write(database('shop', { last_task_id: TASK }), 'absent'),
      store.tasks.write(task(TASK), 'absent'),
      {
        kind: 'put',
        key: `${store.keys.patroniNamespace}old.n1/members/host-3`,
        value: '{"state":"running","role":"replica"}',
        expect: 'absent',
      },
    );
    const report = await doctor();
    expect(report.code).toBe(1);
    expect(about(report, TASK)).toMatchObject([
      { severity: 'warning', remedy: expect.stringContaining(`\`pgctl task resume ${TASK}\``) },
    ]);
    expect(about(report, 'old.n1.host-3')).toMatchObject([{ severity: 'error' }]);
    expect(about(report, 'old.n1')).toMatchObject([{ remedy: expect.stringContaining('etcdctl del') }]);
  });

  it('a run that its database tells of is told once', async () => {
    await records(
      store.databases.write(database('shop', { state: 'modifying', last_task_id: TASK }), 'absent'),
      store.tasks.write(task(TASK), 'absent'),
    );
    const report = await doctor();
    expect(about(report, TASK)).toEqual([]);
    expect(about(report, 'shop')).toMatchObject([{ message: expect.stringContaining('nobody works on it') }]);
  });
});

it('as text it says what was looked at', async () => {
  const { code, stdout } = await pgctl(['doctor'], {
    env: {
      HOME: home.home,
      PATH: process.env.PATH ?? '',
      PGCTL_ENDPOINTS: etcd.endpoint,
      PGCTL_PREFIX: prefix,
    },
  });
  expect([code, stdout.trim().split('\n').at(-1)]).toEqual([
    0,
    'Nothing is wrong. 1 note. Looked at this machine, 1 etcd endpoint, 0 hosts, 0 databases.',
  ]);
});
