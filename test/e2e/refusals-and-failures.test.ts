import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, startLab } from '../lab/lab.ts';
import { type Operator, operatorOf, type Ran } from './pgctl.ts';

let lab: Lab;
let operator: Operator;
let spec: string;

interface InstanceRecord {
  readonly instance_id: string;
  readonly state: string;
  readonly error: string | null;
}

/** What the store knows of databases: everything but its hosts, its meta record and its tasks. */
async function databaseKeys(): Promise<string[]> {
  const keys = [...(await lab.etcd.dump('/pgctl/')).keys()];
  return keys.filter((key) => !/^\/pgctl\/v1\/(hosts|tasks|task_\w+)\/|^\/pgctl\/v1\/meta$/.test(key));
}

async function instanceRecords(): Promise<InstanceRecord[]> {
  return [...(await lab.etcd.dump('/pgctl/v1/instances/')).values()].map(
    (text) => JSON.parse(text) as InstanceRecord,
  );
}

const add = (id: string, user: string, more: readonly string[] = []): Promise<Ran> =>
  operator.run([
    ...['host', 'add', id, '--address', lab.host(id.slice(0, 6)).address, '--user', user],
    ...[
      '--identity-file',
      lab.identityFile,
      '-o',
      'json',
      ...(more.length > 0 ? more : ['--accept-host-key']),
    ],
  ]);

const create = (more: readonly string[] = []): Promise<Ran> =>
  operator.run(['db', 'create', '-f', spec, '-o', 'json', ...more]);

const errorOf = (ran: Ran): { code: string; message: string; details?: string[]; task_id?: string } =>
  JSON.parse(ran.stdout) as { code: string; message: string; details?: string[]; task_id?: string };

beforeAll(async () => {
  lab = await startLab({ hosts: 2 });
  operator = await operatorOf(lab.etcd.endpoints);
  spec = join(operator.home, 'shop.json');
  await writeFile(
    spec,
    JSON.stringify({ id: 'shop', nodes: [{ name: 'n1', host_ids: ['host-1', 'host-2'] }] }),
  );
});
afterAll(async () => {
  await operator?.dispose();
  await lab?.stop();
});

describe('adding hosts', () => {
  it('refuses a host whose key is another than the one that was given', async () => {
    const ran = await add('host-1', 'root', ['--host-key-fingerprint', `SHA256:${'A'.repeat(43)}`]);
    expect(ran.exitCode).toBe(6);
    expect(errorOf(ran)).toMatchObject({ code: 'host_unusable' });
  });

  it('asks about the key, and ends with 8 where nobody can answer', async () => {
    const ran = await operator.run([
      'host',
      'add',
      'host-1',
      '--address',
      lab.host('host-1').address,
      '-o',
      'json',
    ]);
    expect(ran.exitCode).toBe(8);
  });

  it('refuses a login user who cannot become root, and says how to allow it', async () => {
    const ran = await add('host-1', 'nosudo');
    expect(ran.exitCode).toBe(6);
    expect(errorOf(ran).message).toContain('sudo');
    expect([...(await lab.etcd.dump('/pgctl/v1/hosts/')).keys()]).toEqual([]);
  });

  it('takes one with sudo, and one whose login shell is csh', async () => {
    expect(await add('host-1', 'operator')).toMatchObject({ exitCode: 0 });
    expect(await add('host-2', 'cshuser')).toMatchObject({ exitCode: 0 });
    const again = await add('host-2', 'cshuser');
    expect(again.exitCode).toBe(4);
    const list = await operator.json<{ items: { id: string; facts: { privileges: string } }[] }>([
      'host',
      'list',
    ]);
    expect(list.items.map(({ id, facts }) => [id, facts.privileges])).toEqual([
      ['host-1', 'sudo'],
      ['host-2', 'sudo'],
    ]);
  });
});

describe('what only the hosts know', () => {
  afterEach(async () => {
    // Whatever was refused, it was refused before anything was written.
    expect(await databaseKeys()).toEqual([]);
    for (const host of lab.hosts)
      expect((await host.run('ls /etc/systemd/system | grep pgctl')).stdout).toBe('');
  });

  it('is found before anything is marked: a version that is not installed, on every host', async () => {
    const ran = await operator.run([
      'db',
      'create',
      'shop',
      '--hosts',
      'host-1,host-2',
      '--postgres-version',
      '16',
      '-o',
      'json',
    ]);
    expect(ran.exitCode).toBe(6);
    expect(errorOf(ran).details?.filter((line) => line.includes('PostgreSQL 16'))).toHaveLength(2);
  });

  it('a port that a stranger holds, a directory that is not pgctl’s', async () => {
    await lab.host('host-1').run('systemd-run --quiet --unit=stranger python3 -m http.server 5477');
    await lab
      .host('host-2')
      .run('mkdir -p /var/lib/pgctl/shop.n1.host-2 && touch /var/lib/pgctl/shop.n1.host-2/precious');
    await expect
      .poll(async () => (await lab.host('host-1').run('ss -ltn | grep -c 5477')).stdout.trim())
      .toBe('1');
    const ran = await operator.run([
      'db',
      'create',
      'shop',
      '--hosts',
      'host-1,host-2',
      '--port',
      '5477',
      '-o',
      'json',
    ]);
    expect(ran.exitCode).toBe(6);
    const details = errorOf(ran).details?.join('\n');
    expect(details).toContain('host-1: port 5477 is taken');
    expect(details).toContain('host-2: /var/lib/pgctl/shop.n1.host-2 is there already');
    expect((await lab.host('host-2').run('ls /var/lib/pgctl/shop.n1.host-2')).stdout.trim()).toBe('precious');
    await lab.host('host-1').run('systemctl stop stranger');
    await lab.host('host-2').run('rm -r /var/lib/pgctl/shop.n1.host-2');
  });

  it('a host that does not answer', async () => {
    await lab.host('host-2').cutOff();
    const ran = await create(['--connect-timeout', '2s']);
    await lab.host('host-2').heal();
    expect(ran.exitCode).toBe(6);
    expect(errorOf(ran)).toMatchObject({ code: 'host_unreachable' });
    expect(errorOf(ran).details?.join()).toContain('host-2');
  });
});

describe('an operation under way', () => {
  /** Holds the gate that every step that changes a host passes first, so that nothing can have been changed. */
  async function closeGates(): Promise<() => Promise<void>> {
    const meta = JSON.parse((await lab.etcd.dump('/pgctl/v1/meta')).get('/pgctl/v1/meta') ?? '{}') as {
      store_id: string;
    };
    const gate = `/var/lib/pgctl/.fence/${meta.store_id}.shop.lock`;
    for (const host of lab.hosts) {
      await host.run(
        `mkdir -p /var/lib/pgctl/.fence && systemd-run --quiet --unit=gate flock ${gate} sleep 300`,
      );
      await expect.poll(async () => (await host.run(`flock -n ${gate} true`)).exitCode).toBe(1);
    }
    return async () => {
      for (const host of lab.hosts) await host.run('systemctl stop gate');
    };
  }

  it('has its records in progress, in one revision, before anything on a host is changed; a second one is refused; what fails says why', async () => {
    const open = await closeGates();
    const running = create();
    await expect.poll(async () => (await instanceRecords()).length, { timeout: 20_000 }).toBe(2);
    expect((await instanceRecords()).map(({ state }) => state)).toEqual(['creating', 'creating']);
    const revisions = new Set((await lab.etcd.revisions('/pgctl/v1/instances/')).values());
    expect(revisions.size).toBe(1);
    for (const host of lab.hosts) expect((await host.run('ls /var/lib/pgctl')).stdout).toBe('');

    const second = await create();
    expect(second.exitCode).toBe(4);
    expect(errorOf(second)).toMatchObject({ code: 'lock_held' });
    expect(errorOf(second).message).toContain('tester');

    // What was fine when it was checked is not any more: somebody else's directory stands in the way now.
    await lab
      .host('host-2')
      .run('mkdir /var/lib/pgctl/shop.n1.host-2 && touch /var/lib/pgctl/shop.n1.host-2/precious');
    await open();
    const ran = await running;
    expect(ran.exitCode).toBe(1);
    const error = errorOf(ran);
    expect(error.code).toBe('operation_failed');
    expect(error.details?.join()).toContain('is not this instance');

    const [first, other] = await instanceRecords();
    expect(other).toMatchObject({ state: 'failed', instance_id: 'shop.n1.host-2' });
    expect(other?.error).toContain('/var/lib/pgctl/shop.n1.host-2');
    expect(first).toMatchObject({ state: 'failed', instance_id: 'shop.n1.host-1' });
    expect(first?.error).toMatch(/^not reached: phase 1 failed: /);
    const database = await operator.json<{ state: string; error: string }>(['db', 'get', 'shop']);
    expect(database).toMatchObject({ state: 'failed' });
    expect(database.error).toContain('phase 1 failed');
    const task = await operator.json<{ state: string; events: object }>(['task', 'get', error.task_id ?? '']);
    expect(task).toMatchObject({
      state: 'failed',
      events: { total: 14, done: 4, failed: 1, not_reached: 9 },
    });
    const log = await operator.run(['task', 'logs', error.task_id ?? '']);
    expect(log.stdout).toContain('is not this instance');
  });

  it('is finished by the same command once its cause is gone', async () => {
    await lab.host('host-2').run('rm -r /var/lib/pgctl/shop.n1.host-2');
    const ran = await create();
    expect(ran.exitCode).toBe(0);
    const database = await operator.json<{ state: string; instances: { role: string }[] }>([
      'db',
      'get',
      'shop',
    ]);
    expect(database.state).toBe('available');
    expect(database.instances.map(({ role }) => role)).toEqual(['primary', 'replica']);
  });

  it('says deleting first when it deletes, and leaves nothing', async () => {
    const open = await closeGates();
    const running = operator.run(['db', 'delete', 'shop', '--yes', '-o', 'json']);
    await expect
      .poll(async () => (await instanceRecords()).map(({ state }) => state), { timeout: 20_000 })
      .toEqual(['deleting', 'deleting']);
    for (const host of lab.hosts)
      expect((await host.run('systemctl is-active "pgctl-*"')).stdout.trim()).toBe('active');
    await open();
    expect((await running).exitCode).toBe(0);
    expect(await databaseKeys()).toEqual([]);
    for (const host of lab.hosts) {
      expect(
        (await host.run('ls /var/lib/pgctl; ls /etc/systemd/system | grep pgctl; ls -A /run/postgresql'))
          .stdout,
      ).toBe('');
    }
  });

  it('works for a database on a port that another one holds only after that one is gone', async () => {
    expect((await operator.run(['db', 'create', 'a', '--hosts', 'host-1', '--port', '5600'])).exitCode).toBe(
      0,
    );
    const ran = await operator.run([
      'db',
      'create',
      'ab',
      '--hosts',
      'host-1',
      '--port',
      '5600',
      '-o',
      'json',
    ]);
    expect(ran.exitCode).toBe(64);
    expect(errorOf(ran).details?.join()).toContain('a.n1.host-1');
    expect((await operator.run(['db', 'create', 'ab', '--hosts', 'host-1'])).exitCode).toBe(0);
    expect((await operator.run(['db', 'delete', 'a', '--yes'])).exitCode).toBe(0);
    expect(await operator.json(['db', 'get', 'ab'])).toMatchObject({ state: 'available' });
    expect((await operator.run(['db', 'delete', 'ab', '--yes'])).exitCode).toBe(0);
    expect(await databaseKeys()).toEqual([]);
  });
});

it('another port is chosen for Patroni where a stranger holds the usual one, also beside a port that was given', async () => {
  const host = lab.host('host-1');
  await host.run('systemd-run --quiet --unit=stranger python3 -m http.server 8008');
  await expect.poll(async () => (await host.run('ss -ltn | grep -c :8008')).stdout.trim()).toBe('1');
  await operator.json(['db', 'create', 'c', '--hosts', 'host-1', '--port', '5600']);
  const [instance] = [...(await lab.etcd.dump('/pgctl/v1/instances/')).values()];
  expect(JSON.parse(instance ?? '')).toMatchObject({ port: 5600, patroni_port: 8009, state: 'available' });
  await operator.json(['db', 'delete', 'c', '--yes']);
  await host.run('systemctl stop stranger');
});
