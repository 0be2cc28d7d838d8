import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { completeNames } from '../../../commands/shared/completion/names.ts';
import { captured, emptyHome, pgctl } from '../../commands/run.ts';
import { type Etcd, startEtcd } from '../etcd.ts';
import { openTerminal } from '../terminal.ts';
import { database, host, instance, KEY_FILE, lockOf, newPrefix, storeOn, task } from '../fixtures.ts';

// Real shells in a real terminal, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const TASK = '20260412-101530123-k3f9qz';
const ROOT = new URL('../../..', import.meta.url).pathname;
const { home, remove } = emptyHome();
const prefix = newPrefix();
let etcd: Etcd;
let env: Record<string, string>;

beforeAll(async () => {
  etcd = await startEtcd();
  const store = storeOn(etcd, { prefix });
  for (const id of ['host-1', 'host-2', 'other-1']) await store.hosts.register(host(id), null);
  const lock = await lockOf(store);
  await lock.commit([
    store.databases.write(database('shop'), 'absent'),
    store.databases.write(database('orders'), 'absent'),
    store.instances.write(instance('shop.n1.host-1'), 'absent'),
    store.tasks.write(task(TASK), 'absent'),
    // What a shell would run must never get to it.
    { kind: 'put', key: `${store.keys.databases()}$(touch x)`, value: '{}', expect: 'absent' },
  ]);
  await lock.release();
  store.close();
  mkdirSync(join(home, 'bin'));
  mkdirSync(join(home, '.config', 'pgctl'), { recursive: true });
  writeFileSync(
    join(home, '.config', 'pgctl', 'config.yaml'),
    `contexts:\n  lab: {endpoints: ${etcd.endpoint}, prefix: ${prefix}}\n  elsewhere: {endpoints: 'http://127.0.0.1:1'}\n`,
  );
  // The built program: what the limit is for begins with Node's own start.
  const program = join(home, 'bin', 'pgctl');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${ROOT}dist/bin/pgctl.js' "$@"\n`);
  chmodSync(program, 0o755);
});
afterAll(async () => {
  await etcd?.stop();
  remove();
});
const ENV = (): Record<string, string> => ({
  HOME: home,
  PATH: `${join(home, 'bin')}:${process.env.PATH ?? ''}`,
  PGCTL_ENDPOINTS: etcd.endpoint,
  PGCTL_PREFIX: prefix,
  PGCTL_SECRET_KEY_FILE: KEY_FILE,
  XDG_CACHE_HOME: join(home, `cache-${performance.now()}`),
});
beforeEach(() => {
  env = ENV();
});

const names = async (...argv: string[]): Promise<string[]> => {
  const { code, stdout, stderr } = await captured((io) => completeNames(argv, io), { env });
  expect([code, stderr]).toEqual([0, '']);
  return stdout.split('\n').filter((line) => line !== '');
};

/** On a machine that is busy, names may come too late, which is to say not at all; by another try they are there. */
const expectNames = (argv: readonly string[]) => expect.poll(() => names(...argv), { timeout: 20_000 });

describe('live names', () => {
  it.each<[argv: string[], found: string[]]>([
    [
      ['database', ''],
      ['orders', 'shop'],
    ],
    [['database', 'sh'], ['shop']],
    [['database', 'x'], []],
    [['instance', ''], ['shop.n1.host-1']],
    [
      ['host', 'host'],
      ['host-1', 'host-2'],
    ],
    [
      ['hosts', 'host-1,'],
      ['host-1,host-2', 'host-1,other-1'],
    ],
    [['task', '2026'], [TASK]],
    [
      ['context', ''],
      ['lab', 'elsewhere'],
    ],
    [['nonsense', ''], []],
    [[], []],
  ])('%j → %j', async (argv, found) => {
    await expectNames(argv).toEqual(found);
  });

  it('are those of the cluster that the command line names', async () => {
    delete env.PGCTL_ENDPOINTS;
    delete env.PGCTL_PREFIX;
    expect(await names('database', '')).toEqual([]);
    for (const said of [['--context', 'lab', 'db', 'get'], ['--context=lab'], ['--context', '=', 'lab']])
      await expectNames(['database', '', ...said]).toEqual(['orders', 'shop']);
    expect(await names('database', '', '--context', 'elsewhere')).toEqual([]);
  });

  it('take 300 ms at most where etcd does not answer, and are then those of a while ago', async () => {
    const timed = async (): Promise<[number, string[]]> => {
      const begun = performance.now();
      const found = await names('database', '');
      return [performance.now() - begun, found];
    };
    // A server that takes every connection and answers none, as a machine does whose disk hangs.
    etcd.pause();
    await setTimeout(200);
    try {
      const [ms, none] = await timed();
      expect(none).toEqual([]);
      expect(ms).toBeLessThan(300);
      etcd.resume();
      // The first answer after a pause may be late as well.
      await expect.poll(() => names('database', ''), { timeout: 20_000 }).toEqual(['orders', 'shop']);
      etcd.pause();
      await setTimeout(200);
      const [file = ''] = readdirSync(join(env.XDG_CACHE_HOME ?? '', 'pgctl'));
      const path = join(env.XDG_CACHE_HOME ?? '', 'pgctl', file);
      const age = (seconds: number): void =>
        utimesSync(path, new Date(), new Date(Date.now() - seconds * 1000));
      age(30);
      const [again, known] = await timed();
      expect(known).toEqual(['orders', 'shop']);
      expect(again).toBeLessThan(300);
      age(300);
      expect((await timed())[1]).toEqual([]);
    } finally {
      etcd.resume();
    }
  });

  it('are kept for nobody else to read, and hold nothing but names', async () => {
    await names('database', '');
    const directory = join(env.XDG_CACHE_HOME ?? '', 'pgctl');
    const [file = ''] = readdirSync(directory);
    expect(statSync(join(directory, file)).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(directory, file), 'utf8')).toContain('shop\n');
  });

  it('is what nothing of is said in the help', async () => {
    expect((await pgctl(['--help'], { env })).stdout).not.toContain('__complete');
  });
});

const SHELLS = {
  bash: { start: 'bash --norc --noprofile -i', load: (file: string) => `source ${file}` },
  zsh: {
    start: 'zsh -f -i',
    load: (file: string) => `autoload -Uz compinit && compinit -u -D && source ${file}`,
  },
  fish: { start: 'fish --no-config -i', load: (file: string) => `source ${file}` },
} as const;

describe.each(['bash', 'zsh', 'fish'] as const)('%s', (shell) => {
  it.each<[line: string, wanted: RegExp]>([
    ['pgctl instance resta', /pgctl instance restart /],
    ['pgctl instance list --state=avail', /pgctl instance list --state=available/],
    ['pgctl -o json db get sh', /pgctl -o json db get shop /],
    ['pgctl instance stop shop.n', /pgctl instance stop shop\.n1\.host-1 /],
    ['pgctl recover --remove-host oth', /pgctl recover --remove-host other-1 /],
    ['pgctl db create x --hosts host-1,oth', /pgctl db create x --hosts host-1,other-1/],
    ['pgctl task logs 2026', /pgctl task logs 20260412-101530123-k3f9qz /],
    ['pgctl context use els', /pgctl context use elsewhere /],
    ['pgctl help exit', /pgctl help exit-codes /],
  ])('%s⇥', async (line, wanted) => {
    const directory = mkdtempSync(join(home, `${shell}-`));
    const { stdout: script } = await pgctl(['completion', shell], { env });
    const file = join(directory, 'script');
    writeFileSync(file, script);
    // With the script loaded as the README says.
    const terminal = await openTerminal({ directory, env, command: SHELLS[shell].start });
    try {
      await terminal.press(`${SHELLS[shell].load(file)}; echo rea""dy`, 'Enter');
      await terminal.shows(/^ready$/m, 20_000);
      await terminal.type(line);
      // A name that comes too late is none, and the next try has it.
      await vi
        .waitUntil(
          async () => {
            await terminal.press('Tab');
            return terminal.shows(wanted, 2_000).then(
              () => true,
              () => false,
            );
          },
          { timeout: 20_000, interval: 100 },
        )
        .catch(async () => expect(await terminal.screen()).toMatch(wanted));
    } finally {
      await terminal.close();
    }
  });
});
