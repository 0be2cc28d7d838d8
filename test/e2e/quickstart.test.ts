import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Operator, operatorOf } from './pgctl.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let operator: Operator;
let home: string;
let checkout: string;

/** The quickstart as somebody runs it whose home is new; etcd is the one it starts itself. */
const quickstart = async (): Promise<{ exitCode: number | undefined; output: string }> => {
  const { exitCode, all } = await execa(join(checkout, 'bin/quickstart'), [], {
    env: { HOME: home, PATH: process.env.PATH, USER: 'tester' },
    extendEnv: false,
    reject: false,
    all: true,
    stdin: 'ignore',
  });
  return { exitCode, output: all };
};

/**
 * A checkout of its own, as the quickstart builds pgctl, and other tests run at the same time what is built here. The
 * packages are shared: where they are not those of the lock file, the quickstart would install them anew under all
 * the others.
 */
async function checkOut(to: string): Promise<void> {
  const installed = await readFile(join(ROOT, 'node_modules/.pgctl-installed'), 'utf8').catch(() => '');
  if (installed !== (await readFile(join(ROOT, 'package-lock.json'), 'utf8')))
    throw new Error('the packages of npm are not those of package-lock.json; bin/test installs them');
  const parts = ['bin', 'commands', 'plans', 'src', 'package.json', 'package-lock.json', 'tsconfig.json'];
  for (const part of parts) await cp(join(ROOT, part), join(to, part), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(to, 'node_modules'));
}

/** Processes that were started with something under a directory. */
async function processesUnder(dir: string): Promise<string[]> {
  const { stdout } = await execa('ps', ['-eo', 'args'], { reject: false });
  return stdout.split('\n').filter((line) => line.includes(dir));
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'pgctl-quickstart-'));
  operator = await operatorOf([]);
  checkout = await mkdtemp(join(tmpdir(), 'pgctl-checkout-'));
  await checkOut(checkout);
});
afterAll(async () => {
  await operator.run(['db', 'delete', 'demo', '--yes'], { env: { HOME: home, PGCTL_ENDPOINTS: '' } });
  await operator.run(['local', 'down', '--purge'], { env: { HOME: home, PGCTL_ENDPOINTS: '' } });
  await operator.dispose();
  await rm(home, { recursive: true, force: true });
  await rm(checkout, { recursive: true, force: true });
});

const run = (args: readonly string[]): ReturnType<Operator['run']> =>
  operator.run(args, { env: { HOME: home, PGCTL_ENDPOINTS: '' } });

describe('bin/quickstart', () => {
  it('makes a database of three instances on this machine and reads on a replica what was written on the primary', async () => {
    const { exitCode, output } = await quickstart();
    expect(output).toContain('the replica says: hello from the primary (1 row(s))');
    expect(exitCode).toBe(0);
  });

  it('can be run again', async () => {
    const { exitCode, output } = await quickstart();
    expect(output).toContain('the replica says: hello from the primary (2 row(s))');
    expect(exitCode).toBe(0);
  });

  it('survives local down and up with its rows', async () => {
    expect((await run(['local', 'down'])).exitCode).toBe(0);
    expect(await processesUnder('/pgctl/local/')).toEqual([]);
    const up = await run(['local', 'up']);
    expect(up).toMatchObject({ exitCode: 0 });
    await expect
      .poll(
        async () =>
          (JSON.parse((await run(['db', 'get', 'demo', '-o', 'json'])).stdout) as { state: string }).state,
        {
          timeout: 60_000,
          interval: 1_000,
        },
      )
      .toBe('available');
    const { output } = await quickstart();
    expect(output).toContain('hello from the primary (3 row(s))');
  });

  it('is removed without a trace by the commands that it prints', async () => {
    const purgeTooEarly = await run(['local', 'down', '--purge']);
    expect(purgeTooEarly.exitCode).toBe(64);
    expect(purgeTooEarly.stderr).toContain('demo');
    expect((await run(['db', 'delete', 'demo', '--yes'])).exitCode).toBe(0);
    expect((await run(['local', 'down', '--purge'])).exitCode).toBe(0);
    expect(await processesUnder('/pgctl/local/')).toEqual([]);
    expect(existsSync('/var/lib/pgctl/local') ? readdirSync('/var/lib/pgctl/local') : []).toEqual([]);
    expect(readdirSync(join(home, '.local/state/pgctl/local'))).toEqual([]);
  });
});
