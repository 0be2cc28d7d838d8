import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { JobResult } from '../../src/transport/target.ts';
import { openTransport } from '../../src/transport/transport.ts';
import { WORKER_COMMANDS } from '../../src/transport/worker.ts';
import { HERE, job, pidsIn, runAlone, runs, scratch, standIn, until } from './local.ts';

// Real processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const { dir, remove } = scratch();
const transport = openTransport({
  program: 'ssh',
  runDir: join(dir, 'run'),
  connectTimeoutMs: 5_000,
  parallel: 16,
});
afterAll(async () => {
  await transport.close();
  remove();
});

const run = (script: string, more: Parameters<typeof job>[1] = {}): Promise<JobResult> =>
  transport.run(HERE, job(script, more));

let count = 0;
const newFile = (): string => join(dir, `file-${++count}`);

describe('a job', () => {
  it.each<[title: string, script: string, status: number]>([
    ['succeeds', 'true', 0],
    ['is empty', '', 0],
    ['fails', 'exit 41', 41],
    ['ends by a signal of its own', 'kill -s KILL $$', 137],
    ['uses the status that fencing has elsewhere', 'exit 75', 75],
    ['is a syntax error', 'if', 2],
  ])('that %s is finished with its status', async (_title, script, status) => {
    expect(await run(script)).toMatchObject({ kind: 'finished', status });
  });

  it('is not started where nothing may be any more, by the time that it could be', async () => {
    const file = newFile();
    const assertMayStart = (): void => {
      throw new Error('the lock is lost');
    };
    await expect(run(`: > ${file}`, { assertMayStart })).rejects.toThrow('the lock is lost');
    expect(existsSync(file)).toBe(false);
  });

  it('gives what it printed, and the end of what it complained about', async () => {
    const result = await run('printf "größe 🐘"; seq 10000 >&2; echo last >&2');
    expect(result).toMatchObject({ kind: 'finished', stdout: expect.stringContaining('größe 🐘') });
    const { stderr } = result as { stderr: string };
    expect(stderr.length).toBe(4_000);
    expect(stderr.endsWith('\n10000\nlast\n')).toBe(true);
  });

  it('has a plain surrounding, whatever pgctl was started in', async () => {
    const result = await run('pwd; umask; echo $LC_ALL $PATH; test -t 0 || echo no terminal');
    const lines = (result as { stdout: string }).stdout.split('\n');
    expect(lines.slice(4, 8)).toEqual([
      '/',
      '0022',
      'C.UTF-8 /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'no terminal',
    ]);
  });

  it('may be long', async () => {
    const padding = `# ${'x'.repeat(2_000_000)}\n`;
    expect(await run(`${padding}echo end of it`)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('end of it'),
    });
  });

  it('is not told apart by what it prints: a result needs the nonce', async () => {
    expect(await run('printf "\\nabc result 0\\n"; exit 3')).toMatchObject({ kind: 'finished', status: 3 });
  });

  it('shows nothing of itself in an argument list', async () => {
    const result = await run(
      `secret=canary-77; for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $f; echo; done 2>/dev/null`,
    );
    const { stdout } = result as { stdout: string };
    expect(stdout).toContain('sh -s');
    expect(stdout).not.toContain('canary-77');
    expect(stdout).not.toContain(Buffer.from('secret=canary-77').toString('base64'));
  });

  it('that floods stdout is ended, and its output is not kept', async () => {
    const result = await run('yes');
    expect(result).toMatchObject({ kind: 'finished', stdout: '' });
    expect(result).toMatchObject({
      status: expect.any(Number),
      stderr: expect.stringContaining('printed more than'),
    });
    expect((result as { status: number }).status).not.toBe(0);
  });

  it('that is read as it comes may print without end', async () => {
    let length = 0;
    const result = await run('yes 0123456789abcde | head -c 20000000; exit 7', {
      onOutput: (chunk) => void (length += chunk.length),
    });
    expect(result).toMatchObject({ kind: 'finished', status: 7 });
    expect(length).toBeGreaterThan(20_000_000);
    expect((result as { stdout: string }).stdout.length).toBeLessThanOrEqual(4_000);
  });

  it('whose worker is killed has an unknown outcome', async () => {
    const result = await run('kill -s KILL $PPID');
    expect(result).toMatchObject({ kind: 'unknown', reason: expect.stringContaining('SIGKILL') });
  });
});

/** A job of three processes in one group, which notes their pids and does not end by itself. */
const family = (pids: string): string =>
  `sleep 300 & echo $! >> ${pids}; sh -c 'echo $$ >> ${pids}; sleep 300; true' & echo $$ >> ${pids}; wait`;

describe('ending a job', () => {
  const endedFamily = async (end: (begun: Promise<void>) => Promise<JobResult>, pids: string) => {
    const begun = until('it begins', () => pidsIn(pids).length === 3);
    const result = await end(begun);
    const group = pidsIn(pids);
    expect(group.length).toBe(3);
    await until('all of its processes end', () => !group.some(runs));
    return result;
  };

  it('by the signal ends all of its processes', async () => {
    const pids = newFile();
    const stop = new AbortController();
    const result = await endedFamily(async (begun) => {
      const running = run(family(pids), { signal: stop.signal });
      await begun;
      stop.abort();
      return running;
    }, pids);
    expect(result).toMatchObject({ kind: 'ended', by: 'signal' });
  });

  it('by its time limit as well', async () => {
    const pids = newFile();
    const result = await endedFamily(() => run(`${family(pids)}`, { limitMs: 500 }), pids);
    expect(result).toMatchObject({ kind: 'ended', by: 'limit' });
  });

  it('keeps what it said until then', async () => {
    const result = await run('echo so far; echo why >&2; sleep 300', { limitMs: 500 });
    expect(result).toMatchObject({
      kind: 'ended',
      stdout: expect.stringContaining('so far\n'),
      stderr: expect.stringMatching(/^why\n/),
    });
  });

  /** Ends a job as soon as it noted a pid, which is returned as well. */
  const endedOnceNoted = async (script: string, pids: string): Promise<[JobResult, number]> => {
    const stop = new AbortController();
    const running = run(script, { signal: stop.signal });
    await until('it notes a pid', () => pidsIn(pids).length === 1);
    stop.abort();
    return [await running, pidsIn(pids)[0] ?? 0];
  };

  it('takes along a child that does not heed the signal', async () => {
    const pids = newFile();
    const deaf = `sh -c 'trap "" TERM; echo $$ >> ${pids}; while :; do sleep 0.1; done' & wait`;
    const [result, child] = await endedOnceNoted(deaf, pids);
    expect(result).toMatchObject({ kind: 'ended' });
    expect(runs(child)).toBe(false);
  });

  it('takes along what it left running when it ended by itself', async () => {
    const pids = newFile();
    expect(await run(`sleep 300 & echo $! >> ${pids}; exit 4`)).toMatchObject({
      kind: 'finished',
      status: 4,
    });
    const [left = 0] = pidsIn(pids);
    expect(runs(left)).toBe(false);
  });

  it('leaves alone what the job moved to a session of its own', async () => {
    const pids = newFile();
    const job = `setsid sh -c 'echo $$ >> ${pids}; exec sleep 300' >/dev/null 2>&1 </dev/null & sleep 300`;
    const [, daemon] = await endedOnceNoted(job, pids);
    expect(runs(daemon)).toBe(true);
    process.kill(daemon);
  });

  it('before it began starts nothing', async () => {
    const mark = newFile();
    const result = await run(`touch ${mark}`, { signal: AbortSignal.abort() });
    expect(result).toMatchObject({ kind: 'ended', by: 'signal' });
    expect(existsSync(mark)).toBe(false);
  });

  it('leaves no watcher behind when the job ends by itself', async () => {
    const result = await run('cat /proc/$PPID/task/*/children; sleep 0.2; cat /proc/$PPID/task/*/children');
    const lines = (result as { stdout: string }).stdout.split('\n').filter((line) => /^[\d ]+$/.test(line));
    const pids = lines.flatMap((line) => line.trim().split(' ').map(Number));
    expect(pids.length).toBeGreaterThan(1);
    await until('the watcher ends', () => !pids.some(runs));
  });
});

describe('the fence', () => {
  const fenced = (path: string, token: string, script: string, more = {}): Promise<JobResult> =>
    run(script, { fence: { path, token }, ...more });
  const newFence = (): string => join(dir, `base-${++count}`, '.fence', 'shop');

  it('lets the same operation in again, and a later one', async () => {
    const fence = newFence();
    for (const token of ['7', '7', '12'])
      expect(await fenced(fence, token, 'true')).toMatchObject({ status: 0 });
    expect(readFileSync(fence, 'utf8')).toBe('12\n');
  });

  it('refuses an earlier one, which then runs nothing', async () => {
    const fence = newFence();
    const mark = newFile();
    await fenced(fence, '12', 'true');
    expect(await fenced(fence, '9', `touch ${mark}`)).toEqual({ kind: 'fenced', seen: '12' });
    expect(existsSync(mark)).toBe(false);
    expect(readFileSync(fence, 'utf8')).toBe('12\n');
  });

  it('lets the jobs of one operation run side by side', async () => {
    const fence = newFence();
    const [a, b] = [newFile(), newFile()];
    const meet = (own: string, other: string): string =>
      `touch ${own}; n=0; until [ -e ${other} ]; do n=$((n+1)); [ $n -lt 100 ] || exit 1; sleep 0.05; done`;
    const results = await Promise.all([fenced(fence, '3', meet(a, b)), fenced(fence, '3', meet(b, a))]);
    expect(results).toMatchObject([{ status: 0 }, { status: 0 }]);
  });

  it('ends what an earlier operation still runs, before the later one begins', async () => {
    const fence = newFence();
    const pids = newFile();
    const old = fenced(fence, '3', family(pids));
    await until('the old job begins', () => pidsIn(pids).length === 3);
    const alive = pidsIn(pids).map((pid) => `kill -0 ${pid} 2>/dev/null && echo alive`);
    const result = await fenced(fence, '4', `${alive.join('\n')}\ntrue`);
    expect(result).toMatchObject({
      kind: 'finished',
      status: 0,
      stdout: expect.not.stringContaining('alive'),
    });
    expect(await old).toMatchObject({ kind: 'finished', status: 143 });
  });

  /** Keeps others from taking a fence; returns how to let them. */
  const hold = async (fence: string): Promise<() => void> => {
    const holder = spawn('flock', [`${fence}.lock`, 'sh', '-c', 'echo held; exec sleep 60'], {
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(holder.stdout, 'data');
    return () => void process.kill(-(holder.pid ?? 0));
  };

  /** A way to the worker that can go away while the worker stays, as a link does; notes the worker's pid. */
  const linkTo = (worker: string): string =>
    standIn(
      dir,
      `link-${++count}`,
      `cat | setsid sh -c 'echo $$ > ${worker}; exec sh -c "$1"' sh "$2" 2>/dev/null | cat`,
    );

  it.each<[title: string, token: string]>([
    ['of the same operation', '3'],
    ['of a later one', '4'],
  ])('is got too late where pgctl died meanwhile: the job %s is not started at all', async (_, token) => {
    const fence = newFence();
    const [mark, worker] = [newFile(), newFile()];
    await fenced(fence, '3', 'true');
    const letGo = await hold(fence);
    const stop = new AbortController();
    const command = { file: linkTo(worker), args: ['-c', WORKER_COMMANDS.none], connectLimitMs: 5_000 };
    let said = '';
    const waiting = runAlone(
      command,
      job(`touch ${mark}`, {
        fence: { path: fence, token },
        signal: stop.signal,
        onOutput: (chunk) => void (said += chunk),
      }),
    );
    await until('the worker waits for the fence', () => said.includes(' there\n'));
    stop.abort();
    expect(await waiting).toMatchObject({ kind: 'ended', by: 'signal' });
    const [pid = 0] = pidsIn(worker);
    expect(runs(pid)).toBe(true);
    letGo();
    await until('the worker ends', () => !runs(pid));
    expect(existsSync(mark)).toBe(false);
    expect(await fenced(fence, token, 'true')).toMatchObject({ status: 0 });
  });

  it('waits no longer than its time limit, and then nothing ran', async () => {
    const fence = newFence();
    const mark = newFile();
    await fenced(fence, '3', 'true');
    const letGo = await hold(fence);
    const result = await fenced(fence, '3', `touch ${mark}`, { limitMs: 300 });
    letGo();
    expect(result).toEqual({ kind: 'ended', by: 'limit', stdout: '', stderr: '' });
    expect(existsSync(mark)).toBe(false);
  });

  it('ends no stranger that has the number of a job from before the host was switched off', async () => {
    const fence = newFence();
    await fenced(fence, '3', 'true');
    const stranger = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    writeFileSync(`${fence}.job.${stranger.pid ?? 0}`, '1');
    try {
      expect(await fenced(fence, '4', 'true')).toMatchObject({ status: 0 });
      expect(stranger.exitCode ?? stranger.signalCode).toBe(null);
      expect(existsSync(`${fence}.job.${stranger.pid ?? 0}`)).toBe(false);
    } finally {
      stranger.kill();
    }
  });

  it('is another for every database', async () => {
    const base = join(dir, `base-${++count}`, '.fence');
    await fenced(join(base, 'shop'), '12', 'true');
    expect(await fenced(join(base, 'blog'), '3', 'true')).toMatchObject({ status: 0 });
  });

  it('is kept where only its owner looks, in a base directory that others pass through', async () => {
    const fence = newFence();
    await fenced(fence, '1', 'true');
    const modes = [join(fence, '../..'), join(fence, '..')].map((path) =>
      (statSync(path).mode & 0o777).toString(8),
    );
    expect(modes).toEqual(['755', '700']);
  });

  it('that cannot be made refuses the job', async () => {
    const mark = newFile();
    const blocked = join(newFile(), 'not-a-directory');
    mkdirSync(join(blocked, '..'));
    await run(`echo > ${blocked}`);
    expect(await fenced(join(blocked, '.fence', 'shop'), '1', `touch ${mark}`)).toMatchObject({ status: 73 });
    expect(existsSync(mark)).toBe(false);
  });
});

describe('a link that is cut when the worker is about to get its script', () => {
  // It takes as long as heartbeats may be missed, which passes while the other tests run.
  const mark = newFile();
  const fence = { path: join(dir, 'cut-off', '.fence', 'shop'), token: '1' };
  const file = standIn(dir, 'cut-off-link', '{ head -n 3; exec sleep 22; } | sh -c "$2"');
  const waiting = runAlone(
    { file, args: ['-c', WORKER_COMMANDS.none], connectLimitMs: 30_000 },
    job(`touch ${mark}`, { fence }),
  );

  it('keeps the fence from others for no longer than that, and starts nothing', async () => {
    const result = await waiting;
    expect(result).toMatchObject({ status: 65, stderr: expect.stringContaining('did not arrive') });
    expect(existsSync(mark)).toBe(false);
    expect(await run('true', { fence })).toMatchObject({ kind: 'finished', status: 0 });
  });
});

it('no more jobs run at a time than allowed', async () => {
  const narrow = openTransport({
    program: 'ssh',
    runDir: join(dir, 'narrow'),
    connectTimeoutMs: 5_000,
    parallel: 2,
  });
  const running = newFile();
  mkdirSync(running);
  const one = `f=$(mktemp ${running}/XXXXXX); ls ${running} | wc -l; sleep 0.2; rm -f "$f"`;
  const results = await Promise.all(Array.from({ length: 6 }, () => narrow.run(HERE, job(one))));
  const most = results.map((result) => Number(/\n(\d+)\n/.exec((result as { stdout: string }).stdout)?.[1]));
  expect(Math.max(...most)).toBe(2);
  await narrow.close();
});
