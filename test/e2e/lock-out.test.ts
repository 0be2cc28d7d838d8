import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, startLab } from '../lab/lab.ts';
import { addHosts, type Operator, operatorOf } from './pgctl.ts';

interface DatabaseDocument {
  readonly state: string;
  readonly instances: readonly { readonly host_id: string; readonly role: string | null }[];
}

const ALL = ['host-1', 'host-2', 'host-3'];
const WORDS = { root: 'word-of-root', plain: 'word-of-plain' };
/** From the confirmation until the one that was cut off takes no rows any more. */
const DEMOTION_MS = 5_000;
/** Longer than Patroni's loop, so that a member that can come back does. */
const ABSENCE_MS = 15_000;

let lab: Lab;
let operator: Operator;

async function etcdctl(args: readonly string[], user?: string): Promise<string> {
  const env = { ETCDCTL_API: '3', ...(user === undefined ? {} : { ETCDCTL_USER: user }) };
  const { stdout } = await execa('etcdctl', [`--endpoints=${lab.etcd.endpoints.join(',')}`, ...args], {
    env,
  });
  return stdout;
}
const asRoot = (...args: readonly string[]): Promise<string> => etcdctl(args, `root:${WORDS.root}`);

async function accounts(): Promise<readonly string[]> {
  const found = await Promise.all([asRoot('user', 'list'), asRoot('role', 'list')]);
  return found.flatMap((text) => text.split('\n').filter((line) => line !== ''));
}

async function sql(host: string, statement: string): Promise<string> {
  const ran = await lab
    .host(host)
    .run('psql -XAtq -v ON_ERROR_STOP=1 -p 5433 -d shop', { user: 'postgres', input: statement });
  if (ran.exitCode !== 0) throw new Error(`${host}: ${ran.stderr}`);
  return ran.stdout.trim();
}

async function logInFile(user: keyof typeof WORDS): Promise<Record<string, string>> {
  const file = join(lab.dir, `password-of-${user}`);
  await writeFile(file, `${WORDS[user]}\n`, { mode: 0o600 });
  return { PGCTL_ETCD_USER: user, PGCTL_ETCD_PASSWORD_FILE: file };
}

beforeAll(async () => {
  lab = await startLab({ hosts: 3 });
  await etcdctl(['role', 'add', 'keeper']);
  await etcdctl(['role', 'grant-permission', '--prefix=true', 'keeper', 'readwrite', '/pgctl/']);
  for (const [user, role] of [
    ['root', 'root'],
    ['plain', 'keeper'],
  ] as const) {
    await etcdctl(['user', 'add', `${user}:${WORDS[user]}`]);
    await etcdctl(['user', 'grant-role', user, role]);
  }
  await etcdctl(['auth', 'enable']);
  operator = await operatorOf(lab.etcd.endpoints, await logInFile('root'));
  await addHosts(operator, lab);
});
afterAll(async () => {
  await operator?.dispose();
  await lab?.stop();
});

describe('an etcd with users', () => {
  let before: readonly string[];

  it('is not used for databases by a pgctl that may not make users there', async () => {
    before = await accounts();
    const env = await logInFile('plain');
    const created = await operator.run(['db', 'create', 'shop', '--hosts', 'host-1'], { env });
    expect([created.exitCode, created.stderr]).toEqual([7, expect.stringContaining('root')]);
    const checked = await operator.run(['host', 'check', 'host-1'], { env });
    expect(`${checked.stdout}${checked.stderr}`).toContain('cannot be locked out');
    expect((await operator.run(['db', 'get', 'shop'])).exitCode).toBe(5);
  });

  it('has a user for every instance, which reaches its own cluster and nothing else', async () => {
    await operator.json(['db', 'create', 'shop', '--port', '5433', '--hosts', ALL.join(',')]);
    const users = ALL.map((host) => `pgctl/shop.n1.${host}`);
    expect((await accounts()).filter((name) => !before.includes(name))).toEqual([...users, ...users]);
    const config = await lab.host('host-2').run('cat /var/lib/pgctl/shop.n1.host-2/prepare.json');
    const { etcd } = JSON.parse(config.stdout) as { etcd: { name: string; password: string } };
    const as = (...args: readonly string[]): Promise<string> =>
      etcdctl(args, `${etcd.name}:${etcd.password}`);
    expect(etcd.name).toBe('pgctl/shop.n1.host-2');
    expect(await as('get', '--keys-only', '--prefix', '/pgctl/patroni/shop.n1/')).toContain('/leader');
    expect(await as('get', '/pgctl/v1/guards/shop.n1.host-2')).toContain('allowed');
    for (const args of [
      ['get', '/pgctl/v1/guards/shop.n1.host-1'],
      ['put', '/pgctl/v1/guards/shop.n1.host-2', 'x'],
      ['get', '--prefix', '/pgctl/v1/secrets/'],
      ['get', '/pgctl/patroni/blog.n1/leader'],
      ['user', 'list'],
    ])
      await expect(as(...args)).rejects.toThrow('permission denied');
    const modes = await lab.host('host-2').run('stat -c %a%U /var/lib/pgctl/shop.n1.host-2/p*.[jy]*');
    expect(modes.stdout.trim().split('\n')).toEqual(['600postgres', '600postgres']);
    const stored = JSON.stringify([...(await asRoot('get', '--prefix', '/pgctl/'))]);
    expect(stored).not.toContain(etcd.password);
  });

  it('locks out a primary that only pgctl cannot reach, and its host stays out', async () => {
    await sql('host-1', 'create table kept (id int); insert into kept values (1)');
    await lab.host('host-1').run('systemctl stop ssh.socket ssh.service');
    const args = ['recover', '--remove-host', 'host-1', '--yes', '-o', 'json'];
    expect((await operator.run(args)).exitCode).toBe(6);
    const ran = operator.run([...args, '--force']);
    const account = (): Promise<boolean> => accounts().then((all) => all.includes('pgctl/shop.n1.host-1'));
    await expect.poll(account, { timeout: 30_000, interval: 50 }).toBe(false);
    const since = performance.now();
    const takesRows = (): Promise<boolean> =>
      sql('host-1', 'insert into kept values (2)').then(
        () => true,
        () => false,
      );
    await expect.poll(takesRows, { timeout: 60_000, interval: 100 }).toBe(false);
    expect(performance.now() - since).toBeLessThan(DEMOTION_MS);
    const { exitCode, stdout } = await ran;
    expect([exitCode, exitCode === 0 ? '' : stdout]).toEqual([0, '']);
    const members = (): Promise<string> =>
      asRoot('get', '--keys-only', '--prefix', '/pgctl/patroni/shop.n1/members/');
    const end = performance.now() + ABSENCE_MS;
    while (performance.now() < end) {
      expect(await members()).not.toContain('host-1');
      expect(await takesRows()).toBe(false);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    const { state, instances } = await operator.json<DatabaseDocument>(['db', 'get', 'shop']);
    expect(state).toBe('available');
    const primary = instances.find(({ role }) => role === 'primary')?.host_id ?? 'nobody';
    expect(['host-2', 'host-3']).toContain(primary);
    expect(await sql(primary, 'insert into kept values (3); select count(*) from kept where id = 1')).toBe(
      '1',
    );
    const secrets = await asRoot('get', '--keys-only', '--prefix', '/pgctl/v1/secrets/');
    expect(secrets.match(/etcd\.\S+/g)).toEqual(['etcd.shop.n1.host-2', 'etcd.shop.n1.host-3']);
    const unit = 'pgctl-shop.n1.host-1.service';
    await lab.host('host-1').run(`systemctl restart ${unit}`);
    await expect
      .poll(async () => (await lab.host('host-1').run(`journalctl --unit ${unit} --output cat`)).stdout, {
        timeout: 20_000,
      })
      .toContain('does not know its user');
  });

  it('is left without the users of a database that was deleted', async () => {
    await operator.json(['db', 'delete', 'shop', '--yes']);
    expect(await accounts()).toEqual(before);
    expect(await asRoot('get', '--keys-only', '--prefix', '/pgctl/v1/secrets/')).toBe('');
  });
});
