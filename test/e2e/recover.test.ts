import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, startLab } from '../lab/lab.ts';
import { addHosts, type Operator, operatorOf, PROGRAM } from './pgctl.ts';
import { startWriter, type Writer } from './writer.ts';

interface DatabaseDocument {
  readonly state: string;
  readonly spec: { readonly nodes: readonly { readonly host_ids: readonly string[] }[] };
  readonly instances: readonly {
    readonly host_id: string;
    readonly state: string;
    readonly role: string | null;
  }[];
}

const ALL = ['host-1', 'host-2', 'host-3'];
/** From the confirmation of a lost primary until the next one takes rows; a lease would take 30 s. */
const TAKEOVER_MS = 20_000;

let lab: Lab;
let operator: Operator;
let writer: Writer;

const specOf = (hosts: readonly string[]): string => join(operator.home, `shop-${hosts.join('-')}.json`);

async function writeSpec(hosts: readonly string[]): Promise<string> {
  const network = `${lab.host('host-1').address.split('.').slice(0, 3).join('.')}.0/24`;
  await writeFile(
    specOf(hosts),
    JSON.stringify({
      id: 'shop',
      port: 5433,
      nodes: [{ name: 'n1', host_ids: hosts }],
      database_users: [{ username: 'app', password: 'app-secret', db_owner: true, attributes: ['LOGIN'] }],
      pg_hba_conf: [`host all app ${network} scram-sha-256`],
    }),
  );
  return specOf(hosts);
}

const get = (): Promise<DatabaseDocument> => operator.json<DatabaseDocument>(['db', 'get', 'shop']);

async function primary(): Promise<string> {
  return (await get()).instances.find(({ role }) => role === 'primary')?.host_id ?? 'nobody';
}

async function sql(host: string, statement: string): Promise<string> {
  const ran = await lab.host(host).run('psql -XAtq -p 5433 -d shop', { user: 'postgres', input: statement });
  if (ran.exitCode !== 0) throw new Error(`${host}: ${ran.stderr}`);
  return ran.stdout.trim();
}

/**
 * Kills hosts, and returns the rows that have to be there afterwards: replication is asynchronous, so what was
 * acknowledged in the last moments may be on the dead primary only.
 */
async function lose(hosts: readonly string[]): Promise<readonly number[]> {
  const safe = [...writer.acknowledged];
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  await Promise.all(hosts.map((host) => lab.host(host).kill()));
  return safe;
}

/** All that has to hold after a recovery: only these hosts are left, everywhere. */
async function recovered(left: readonly string[], safe: readonly number[]): Promise<void> {
  const database = await get();
  expect(database.state).toBe('available');
  const named = database.spec.nodes.flatMap(({ host_ids }) => host_ids);
  expect([...named].sort()).toEqual(left);
  expect(database.instances.map(({ host_id, state }) => [host_id, state])).toEqual(
    left.map((host) => [host, 'available']),
  );
  const gone = ALL.filter((host) => !left.includes(host));
  const keys = [...(await lab.etcd.dump('/pgctl/')).keys()].filter((key) => !key.includes('/task'));
  for (const host of gone) {
    expect(keys.filter((key) => key.includes(host))).toEqual([`/pgctl/v1/tombstones/hosts/${host}`]);
  }
  const leader = await primary();
  const slots = await sql(leader, 'select slot_name from pg_replication_slots order by 1');
  expect(slots).toBe(
    left
      .filter((host) => host !== leader)
      .map((host) => host.replaceAll('-', '_'))
      .join('\n'),
  );
  for (const host of gone) {
    const hba = await lab.host(leader).run('cat /var/lib/pgctl/shop.n1.*/data/pg_hba.conf');
    expect(hba.stdout).not.toContain(`${lab.host(host).address}/`);
  }
  const there = new Set((await sql(leader, 'select id from acknowledged')).split('\n').map(Number));
  expect(safe.filter((id) => !there.has(id))).toEqual([]);
  const plan = await operator.json<{ plans: unknown[] }>(['db', 'plan', '-f', await writeSpec(named)]);
  expect(plan.plans).toEqual([]);
}

/** Takes hosts back that have booted again: their leftovers are removed first. */
async function takeBack(hosts: readonly string[]): Promise<void> {
  for (const id of hosts) {
    const host = lab.host(id);
    await operator.json([
      ...['host', 'add', id, '--address', host.address, '--user', 'root', '--clean'],
      ...['--identity-file', lab.identityFile, '--host-key-fingerprint', host.hostKeyFingerprint],
    ]);
  }
  const order = [...(await get()).spec.nodes.flatMap(({ host_ids }) => host_ids), ...hosts];
  await operator.json(['db', 'apply', '-f', await writeSpec(order)]);
}

beforeAll(async () => {
  lab = await startLab({ hosts: 3 });
  operator = await operatorOf(lab.etcd.endpoints);
  await addHosts(operator, lab);
  await operator.json(['db', 'create', '-f', await writeSpec(ALL)]);
  writer = await startWriter({
    hosts: ALL.map((id) => lab.host(id).address),
    ...{ port: 5433, database: 'shop', user: 'app', password: 'app-secret' },
  });
});
afterAll(async () => {
  await writer?.stop();
  await operator?.dispose();
  await lab?.stop();
});

describe('recover', () => {
  it('refuses a host that is unknown, that lives, or that is not confirmed, and touches nothing', async () => {
    const before = await lab.etcd.revisions('/pgctl/v1/');
    const run = async (...args: string[]) => (await operator.run(['recover', ...args])).exitCode;
    expect(await run('--remove-host', 'host-9', '--yes')).toBe(5);
    expect(await run('--remove-host', 'host-1', '--yes')).toBe(6);
    expect(await run('--remove-host', 'host-1', '--force')).toBe(8);
    expect(await run('--yes')).toBe(64);
    expect(await run('--remove-host', 'host-1', '--dry-run')).toBe(0);
    expect(await lab.etcd.revisions('/pgctl/v1/')).toEqual(before);
  });

  it('takes out a lost primary at once, without waiting for its lease', async () => {
    const safe = await lose(['host-1']);
    const acknowledged = writer.acknowledged.length;
    const ran = operator.run(['recover', '--remove-host', 'host-1', '--yes', '-o', 'json']);
    const since = performance.now();
    await expect
      .poll(() => writer.acknowledged.length > acknowledged, { timeout: 60_000, interval: 100 })
      .toBe(true);
    expect(performance.now() - since).toBeLessThan(TAKEOVER_MS + 12_000);
    const { exitCode, stdout, stderr } = await ran;
    expect([exitCode, exitCode === 0 ? '' : stdout]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      task: { operation: 'recover', state: 'completed' },
      databases: [{ id: 'shop', state: 'available', error: null }],
    });
    expect(stderr).toContain('still name host-1');
    await recovered(['host-2', 'host-3'], safe);
    expect((await operator.run(['recover', '--remove-host', 'host-1', '--yes'])).exitCode).toBe(0);
  });

  it('keeps a lost host that boots again from coming back, until it was cleaned', async () => {
    const host = lab.host('host-1');
    await host.boot();
    const unit = 'pgctl-shop.n1.host-1.service';
    await expect
      .poll(async () => (await host.run(`journalctl --unit ${unit} --output cat`)).stdout, {
        timeout: 20_000,
        interval: 500,
      })
      .toContain('does not start');
    expect((await host.run('pgrep -x postgres || echo none')).stdout).toBe('none\n');
    const refused = await operator.run([
      ...['host', 'add', 'host-1', '--address', host.address, '--user', 'root'],
      ...['--identity-file', lab.identityFile, '--host-key-fingerprint', host.hostKeyFingerprint],
    ]);
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toContain('--clean');
    await takeBack(['host-1']);
    expect((await get()).instances.map(({ state }) => state)).toEqual([
      'available',
      'available',
      'available',
    ]);
  });

  it('takes out a lost replica, and the primary stays, also where an earlier recover was killed', async () => {
    const before = await primary();
    const lost = ALL.filter((host) => host !== before)[1] ?? '';
    const safe = await lose([lost]);
    const killed = execa('node', [PROGRAM, 'recover', '--remove-host', lost, '--yes'], {
      env: operator.env,
      extendEnv: false,
      reject: false,
      stdin: 'ignore',
    });
    const record = `/pgctl/v1/instances/shop/shop.n1.${lost}`;
    await expect
      .poll(async () => (await lab.etcd.dump(record)).get(record), { timeout: 60_000, interval: 50 })
      .toContain('"deleting"');
    killed.kill('SIGKILL');
    await killed;
    expect((await lab.etcd.dump(record)).get(record)).toContain('"deleting"');
    await operator.json(['recover', '--remove-host', lost, '--yes']);
    expect(await primary()).toBe(before);
    await recovered(
      (await get()).instances.map(({ host_id }) => host_id),
      safe,
    );
    await lab.host(lost).boot();
    await takeBack([lost]);
  });

  it('goes on with the other databases where one cannot be recovered', async () => {
    const [first = '', second = ''] = (await get()).instances
      .filter(({ role }) => role === 'replica')
      .map(({ host_id }) => host_id);
    await operator.json(['db', 'create', 'blog', '--hosts', `${first},${second}`]);
    const lock = '/pgctl/v1/locks/databases/blog';
    const other = {
      who: 'somebody',
      from: { host: 'elsewhere', boot_id: 'b', pid: 1 },
      command: 'db apply blog',
      task_id: '20260101-000000000-aaaaaa',
      since: '2026-01-01T00:00:00.000Z',
    };
    const etcdctl = (words: string): Promise<unknown> =>
      lab.host(second).run(`etcdctl --endpoints=${lab.etcd.endpoints[0] ?? ''} ${words}`);
    await etcdctl(`put ${lock} '${JSON.stringify(other)}'`);
    await lose([first]);
    const partly = await operator.run(['recover', '--remove-host', first, '--yes', '-o', 'json']);
    expect(partly.exitCode).toBe(3);
    const { databases } = JSON.parse(partly.stdout) as {
      databases: { id: string; state: string; error: string | null }[];
    };
    expect(databases.map(({ id, error }) => [id, error === null])).toEqual([
      ['blog', false],
      ['shop', true],
    ]);
    expect((await operator.run(['host', 'get', first])).exitCode).toBe(0);
    await etcdctl(`del ${lock}`);
    await operator.json(['recover', '--remove-host', first, '--yes']);
    const { instances } = await operator.json<DatabaseDocument>(['db', 'get', 'blog']);
    expect(instances.map(({ host_id, role }) => [host_id, role])).toEqual([[second, 'primary']]);
    await operator.json(['db', 'delete', 'blog', '--yes']);
    await lab.host(first).boot();
    await takeBack([first]);
  });

  it('takes out two of three', async () => {
    const before = await primary();
    const lost = [before, ALL.filter((host) => host !== before)[0] ?? ''];
    const left = ALL.filter((host) => !lost.includes(host));
    const safe = await lose(lost);
    const one = await operator.run(['recover', '--remove-host', before, '--yes', '-o', 'json']);
    // The other one is gone too, and nobody said so.
    expect(one.exitCode).toBe(6);
    await operator.json(['recover', ...lost.flatMap((host) => ['--remove-host', host]), '--yes']);
    await recovered(left, safe);
  });

  it('lets a last copy go only where that is allowed', async () => {
    const [last = ''] = (await get()).instances.map(({ host_id }) => host_id);
    await writer.stop();
    await lab.host(last).kill();
    expect((await operator.run(['recover', '--remove-host', last, '--yes'])).exitCode).toBe(8);
    expect((await operator.run(['recover', '--remove-host', last, '--dry-run'])).exitCode).toBe(0);
    const result = await operator.json(['recover', '--remove-host', last, '--yes', '--allow-data-loss']);
    expect(result).toMatchObject({ databases: [{ id: 'shop', state: null, error: null }] });
    const keys = [...(await lab.etcd.dump('/pgctl/')).keys()].filter((key) => !key.includes('/task'));
    expect(keys.filter((key) => key.includes('shop'))).toEqual([]);
  });
});
