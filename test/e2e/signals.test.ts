import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LabEtcd, startEtcd } from '../lab/etcd.ts';
import { machinePort } from '../lab/ports.ts';
import { begin, intended, journal, journaled } from './begun.ts';
import { type Operator, operatorOf, PROGRAM, type Ran } from './pgctl.ts';

const SIGNALS = [
  ['SIGINT', 130, 'sigint'],
  ['SIGTERM', 143, 'sigterm'],
  ['SIGHUP', 129, 'sighup'],
] as const;

let etcd: LabEtcd;
let operator: Operator;
/** On this machine: its base directory as a host, and a spec for that host. */
let base: string;
let spec: string;
/** The same with a port of its own for later. */
let moved: string;

interface ErrorDocument {
  readonly code: string;
  readonly hint: string;
  readonly task_id?: string;
}
const errorOf = (ran: Ran): ErrorDocument => JSON.parse(ran.stdout) as ErrorDocument;
const create = (): string[] => ['db', 'create', '-f', spec, '-o', 'json'];
const update = (): string[] => ['db', 'update', '-f', spec, '--force-update'];
const state = async (): Promise<string> =>
  (await operator.json<{ state: string }>(['db', 'get', 'shop'])).state;
const locks = async (): Promise<number> => (await etcd.dump('/pgctl/v1/locks/')).size;

/** Steps and workers of pgctl on this machine that have not ended. */
async function leftRunning(): Promise<string[]> {
  const { stdout } = await execa('ps', ['-eo', 'args']);
  return stdout.split('\n').filter((line) => line.includes(base) && !/patroni|postgres/.test(line));
}

beforeAll(async () => {
  etcd = await startEtcd();
  operator = await operatorOf(etcd.endpoints);
  await mkdir('/var/lib/pgctl', { recursive: true });
  base = await mkdtemp('/var/lib/pgctl/signals-');
  // Whoever Postgres runs as has to get through.
  await chmod(base, 0o755);
  await operator.json(['host', 'add', 'host-1', '--address', 'local', '--base-dir', base]);
  const nodes = [{ name: 'n1', host_ids: ['host-1'] }];
  const ports = { port: await machinePort(), patroni_port: await machinePort() };
  const write = async (name: string, changes: object): Promise<string> => {
    const file = join(operator.home, `${name}.json`);
    await writeFile(file, JSON.stringify({ id: 'shop', ...ports, nodes, ...changes }));
    return file;
  };
  spec = await write('shop', {});
  moved = await write('moved', { port: await machinePort() });
});
afterAll(async () => {
  await operator?.run(['db', 'delete', 'shop', '--yes']);
  await operator?.dispose();
  await etcd?.stop();
  await rm(base, { recursive: true, force: true });
});

/** Waits until a run has an event under way, then tells it to end, once or more. */
async function told(signal: NodeJS.Signals, times: number): Promise<Ran> {
  const before = await journaled(etcd);
  const run = begin(operator, create());
  await intended(etcd, 'instance/', before);
  for (let n = 0; n < times; n++) {
    await delay(300);
    run.kill(signal);
  }
  return run.ended;
}

describe.each(SIGNALS)('%s while an event runs', (signal, exitCode, code) => {
  it('lets it end, starts nothing more, settles the records and says how to go on', async () => {
    const ran = await told(signal, 1);
    expect([ran.exitCode, errorOf(ran)]).toMatchObject([exitCode, { code }]);
    const { task_id: task = '', hint } = errorOf(ran);
    expect(hint).toContain(`pgctl task resume ${task}`);
    expect(await locks()).toBe(0);
    expect(await state()).toBe('failed');
    const instance = (await journal(etcd, task)).filter(({ resource }) => resource.startsWith('instance/'));
    expect(instance.map(({ step }) => step)).toEqual(['intent', 'ok']);
    expect((await operator.run(['task', 'resume', task])).exitCode).toBe(0);
    expect(await state()).toBe('available');
    expect((await operator.run(['db', 'delete', 'shop', '--yes'])).exitCode).toBe(0);
  });
});

describe('a second signal', () => {
  it('ends what runs, which is unknown then', async () => {
    const ran = await told('SIGINT', 2);
    expect([ran.exitCode, errorOf(ran)]).toMatchObject([130, { code: 'sigint' }]);
    const { task_id: task = '' } = errorOf(ran);
    const instance = (await journal(etcd, task)).filter(({ resource }) => resource.startsWith('instance/'));
    expect(instance.map(({ step }) => step)).toEqual(['intent', 'unknown']);
    expect(await leftRunning()).toEqual([]);
    expect(await locks()).toBe(0);
    expect((await operator.run(create())).exitCode).toBe(0);
    expect(await state()).toBe('available');
  });
});

describe('a signal before anything is marked', () => {
  it('ends waiting for the lock at once', async () => {
    const gate = begin(operator, update());
    await expect.poll(locks, { timeout: 20_000, interval: 20 }).toBe(1);
    gate.kill('SIGSTOP');
    const waiting = begin(operator, [...create(), '--lock-timeout', '60s']);
    await delay(2500);
    const since = performance.now();
    waiting.kill('SIGTERM');
    const ran = await waiting.ended;
    expect(performance.now() - since).toBeLessThan(4000);
    expect([ran.exitCode, errorOf(ran)]).toMatchObject([
      143,
      { code: 'sigterm', hint: 'Nothing was changed.' },
    ]);
    gate.kill('SIGCONT');
    await gate.ended;
  });

  it('ends looking and checking, with their children, and gives the lock up', async () => {
    const before = await journaled(etcd);
    const run = begin(operator, [...update(), '-o', 'json']);
    await expect.poll(locks, { timeout: 20_000, interval: 10 }).toBe(1);
    run.kill('SIGHUP');
    const ran = await run.ended;
    expect([ran.exitCode, errorOf(ran)]).toMatchObject([
      129,
      { code: 'sighup', hint: 'Nothing was changed.' },
    ]);
    expect(await locks()).toBe(0);
    expect(await journaled(etcd)).toEqual(before);
    expect(await leftRunning()).toEqual([]);
    expect(await state()).toBe('available');
  });

  it('ends a command that only reads, with one document', async () => {
    await etcd.members[0]?.pause();
    const run = begin(operator, ['db', 'list', '-o', 'json']);
    await delay(1500);
    run.kill('SIGINT');
    const ran = await run.ended;
    await etcd.members[0]?.resume();
    expect([ran.exitCode, errorOf(ran)]).toMatchObject([130, { code: 'sigint' }]);
  });
});

describe('streams that cannot be written to', () => {
  it.each<[title: string, redirection: string]>([
    ['a full disk for both', '>/dev/full 2>/dev/full'],
    ['a reader of stdout that has gone', '| true'],
    ['a reader of both that has gone', '2>&1 | true'],
    ['closed ones', '<&- >&- 2>&-'],
  ])('do not end an operation, nor change what it ends with: %s', async (_title, redirection) => {
    const done = `${operator.home}/done`;
    await execa('rm', ['-f', done]);
    const script = `{ node "$@"; echo $? > ${done}; } ${redirection}`;
    await execa('sh', ['-c', script, 'sh', PROGRAM, ...update()], { env: operator.env, extendEnv: false });
    await expect.poll(() => readFile(done, 'utf8').catch(() => ''), { timeout: 60_000 }).toBe('0\n');
    expect(await state()).toBe('available');
    const plan = await operator.run(['db', 'plan', '-f', spec, '--detailed-exitcode']);
    expect(plan.exitCode, plan.stderr).toBe(0);
  });

  it('are told of where the other one can be', async () => {
    const { stderr, exitCode } = await execa(
      'sh',
      ['-c', 'node "$@" >/dev/full', 'sh', PROGRAM, 'db', 'list'],
      {
        env: operator.env,
        extendEnv: false,
        reject: false,
      },
    );
    expect(stderr).toContain('could not be written to the standard output');
    expect(exitCode).toBe(0);
  });
});

describe('--timeout', () => {
  it('ends a look at a log with 124', async () => {
    const logs = await operator.run(['instance', 'logs', 'shop.n1.host-1', '--follow', '--timeout', '2s']);
    expect(logs.exitCode, logs.stderr).toBe(124);
  });

  it('ends an operation with 124 where a step takes longer', async () => {
    const ran = await operator.run(['db', 'update', '-f', moved, '--timeout', '1s', '-o', 'json']);
    expect([ran.exitCode, errorOf(ran)]).toMatchObject([124, { code: 'timeout' }]);
    expect((await operator.run(['task', 'resume', errorOf(ran).task_id ?? ''])).exitCode).toBe(0);
    expect(await state()).toBe('available');
  });
});
