import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startFresh, type FreshMachine } from './fresh.ts';

let machine: FreshMachine;

beforeAll(async () => {
  machine = await startFresh();
}, 600_000);

afterAll(async () => {
  await machine?.stop();
});

describe('a fresh machine', () => {
  test('has node, npm, git and users with and without sudo, and none of what pgctl needs', async () => {
    const found = await machine.run(
      'for tool in node npm git ssh etcd postgres patroni; do command -v $tool; done',
    );
    expect(found.stdout).toBe('/usr/bin/node\n/usr/bin/npm\n/usr/bin/git\n');
    expect(await machine.run('sudo -n id -u', { user: 'operator' })).toMatchObject({
      stdout: '0\n',
      stderr: '',
    });
    expect(await machine.run('sudo -n id -u', { user: 'nosudo' })).toMatchObject({ exitCode: 1 });
  });

  test('reaches the registries that this machine reaches', async () => {
    const { exitCode, stdout } = await machine.run('npm view execa@9.6.1 version', { user: 'operator' });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '9.6.1\n' });
    expect((await machine.run('apt-get update')).exitCode).toBe(0);
  });
});

describe('test/lab/install', () => {
  test('installs what the tests need, starts nothing, now or at the next boot, and can run again', async () => {
    const bin = join(machine.root, 'usr/local/bin');
    await mkdir(bin, { recursive: true });
    await copyFile(fileURLToPath(new URL('install', import.meta.url)), join(bin, 'install-for-lab'));
    const first = await machine.run('install-for-lab', { user: 'operator', timeoutMs: 300_000 });
    expect(first).toMatchObject({ exitCode: 0, stdout: '' });

    const tools = 'debootstrap systemd-nspawn ip etcd etcdctl ssh patroni tmux nsenter setpriv pg_lsclusters';
    expect(
      await machine.run(`for tool in ${tools}; do command -v $tool >/dev/null || echo $tool; done`),
    ).toMatchObject({
      stdout: '',
    });
    expect((await machine.run('ls /usr/lib/postgresql/*/bin/postgres')).exitCode).toBe(0);
    expect((await machine.run('python3 -c "import etcd, psycopg2"')).exitCode).toBe(0);

    expect((await machine.run('pg_lsclusters --no-header')).stdout).toBe('');
    expect((await machine.run('pgrep -x "etcd|patroni|postgres"')).stdout).toBe('');
    expect((await machine.run('systemctl is-enabled etcd patroni')).stdout).toBe('disabled\ndisabled\n');
    expect(
      (await machine.run('ls /usr/sbin/policy-rc.d* /etc/postgresql-common/createcluster.d')).stdout,
    ).toBe('/etc/postgresql-common/createcluster.d:\n');

    expect(await machine.run('install-for-lab')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });
});
