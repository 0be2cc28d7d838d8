import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addHosts, type Operator, operatorOf, PROGRAM } from '../../e2e/pgctl.ts';
import { startWriter, type Writer } from '../../e2e/writer.ts';
import { type Lab, startLab } from '../../lab/lab.ts';
import { type Convergence, expectConverges, expectSettled, expectTruthful } from '../invariants.ts';
import { chanceOf } from '../seed.ts';
import { expectRows } from './rows.ts';
import { writeSpec } from './spec.ts';
import { CANARY, type LabWorld, worldOf } from './world.ts';

const HOSTS = ['host-1', 'host-2'];
const chance = chanceOf();

let lab: Lab;
let operator: Operator;
let world: LabWorld;
let writer: Writer | undefined;

const specOf = (maxConnections: number): Promise<string> =>
  writeSpec(lab, { id: 'shop', hosts: HOSTS, port: 5433, parameters: { max_connections: maxConnections } });

beforeAll(async () => {
  process.stdout.write(`FAULT_SEED=${chance.seed}\n`);
  lab = await startLab({ hosts: 2 });
  operator = await operatorOf(lab.etcd.endpoints);
  await addHosts(operator, lab);
  world = worldOf(lab, operator);
});
afterAll(async () => {
  await writer?.stop();
  world?.dispose();
  await operator?.dispose();
  await lab?.stop();
});

/** What a killed run ends with. */
const KILLED = -1;

/** Which moments of a run are before its end. */
interface Moments {
  /** How many lines it says before its last phase. */
  readonly lines: number;
  /** How much later than a line. */
  readonly laterMs: number;
}

/** Kills a run at a moment that the seed decides: some line of what it says, and a little later. Returns what it ended with. */
async function killed(command: readonly string[], { lines, laterMs }: Moments): Promise<number> {
  const line = chance.between(1, lines);
  const later = chance.between(0, laterMs);
  const run = world.begin(command);
  await Promise.race([run.ended, run.says(new RegExp(`(.*\\n){${line}}`))]);
  await delay(later);
  run.signal('SIGKILL');
  const { exitCode } = await run.ended;
  await expectTruthful(world);
  return exitCode;
}

describe(`killed at a random moment, and so is the run that was to finish it (seed ${chance.seed})`, () => {
  const operations: readonly [string, Moments, () => Promise<Convergence>][] = [
    [
      'create',
      { lines: 24, laterMs: 700 },
      async () => {
        const file = await specOf(100);
        return { command: ['db', 'create', '-f', file], plan: ['-f', file] };
      },
    ],
    [
      'update',
      { lines: 12, laterMs: 700 },
      async () => {
        const file = await specOf(120);
        return { command: ['db', 'update', '-f', file], plan: ['-f', file] };
      },
    ],
    [
      'restart',
      { lines: 8, laterMs: 700 },
      async () => ({ command: ['db', 'restart', 'shop'], plan: ['-f', await specOf(120)] }),
    ],
    // All of it is done within a second.
    [
      'delete',
      { lines: 20, laterMs: 150 },
      async () => ({ command: ['db', 'delete', 'shop', '--yes'], plan: null }),
    ],
  ];
  it.each(operations)(
    'a %s is finished by the same command, and no row is lost',
    async (name, moments, of) => {
      const convergence = await of();
      if (name === 'delete') {
        await writer?.stop();
        writer = undefined;
      }
      expect(await killed(convergence.command, moments)).toBe(KILLED);
      // What was left for this one may be so little that it is done, or a delete that has nothing more to delete.
      const second = await killed(convergence.command, moments);
      expect([KILLED, 0, 5]).toContain(second);
      await expectConverges(world, convergence);
      if (name === 'create') {
        writer = await startWriter({
          hosts: HOSTS.map((id) => lab.host(id).address),
          ...{ port: 5433, database: 'shop', user: 'app', password: CANARY },
        });
      }
      if (writer !== undefined) {
        await expect.poll(() => writer?.acknowledged.length, { timeout: 20_000 }).toBeGreaterThan(0);
        await expectRows(lab.host('host-1'), writer.acknowledged);
      }
      world.survived(`SIGKILL at a random moment of ${name}`);
      if (second === KILLED) world.survived(`SIGKILL at a random moment of ${name}`);
    },
  );
});

describe('told to stop by a signal, it ends what it began, says how to go on, and leaves nothing in progress', () => {
  const RESTART = ['db', 'restart', 'shop'];
  let file: string;

  beforeAll(async () => {
    file = await specOf(100);
    expect(await world.run(['db', 'create', '-f', file])).toMatchObject({ exitCode: 0 });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s ends with %i', async (signal, exitCode) => {
    const run = world.begin(RESTART);
    await run.says(/restart shop\.n1\.host-2 …/);
    run.signal(signal);
    const ended = await run.ended;
    expect(ended.exitCode).toBe(exitCode);
    // What ran was let to end.
    expect(ended.stderr).toContain('restart shop.n1.host-2 … ok');
    expect(ended.stderr).not.toContain('restart shop.n1.host-1');
    expect(ended.stderr).toMatch(/same command again|task resume/);
    await expectSettled(world);
    world.survived('a signal in the middle');
  });

  it('SIGINT twice ends what runs, too', async () => {
    await world.run(RESTART);
    // It does not restart anything as long as it is stopped, so that the step is still running.
    const patroni = await lab.host('host-2').pids(/patroni\S* \S+patroni\.yml/);
    expect(patroni).toHaveLength(1);
    for (const pid of patroni) process.kill(pid, 'SIGSTOP');
    try {
      const run = world.begin(RESTART);
      await run.says(/restart shop\.n1\.host-2 …/);
      run.signal('SIGINT');
      await run.says(/once more/);
      run.signal('SIGINT');
      const since = performance.now();
      expect((await run.ended).exitCode).toBe(130);
      expect(performance.now() - since).toBeLessThan(20_000);
      await expectSettled(world);
      world.survived('a signal in the middle');
    } finally {
      for (const pid of patroni) process.kill(pid, 'SIGCONT');
    }
  });

  it('closed outputs do not end an operation', async () => {
    const status = join(lab.dir, 'status');
    // `head` is gone after the first line of many.
    const { stdout } = await execa(
      'sh',
      [
        '-c',
        'file=$1; shift; { node "$@" 2>&1; echo $? >"$file"; } | head -n 1',
        'sh',
        status,
        PROGRAM,
        ...RESTART,
      ],
      { env: operator.env, extendEnv: false },
    );
    expect([stdout.split('\n').length, await readFile(status, 'utf8')]).toEqual([1, '0\n']);
    expect(stdout).not.toContain('completed');
    await expectConverges(world, { command: RESTART, plan: ['-f', file] });
    world.survived('outputs closed in the middle');
  });
});
