import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { limiter } from '../../src/transport/limiter.ts';
import { startWorker, type WorkerChild } from '../../src/transport/child.ts';
import type { JobResult, Target } from '../../src/transport/target.ts';
import { LOCAL_ADDRESS, openTransport, type Transport } from '../../src/transport/transport.ts';
import { WORKER_COMMANDS, workerHeader } from '../../src/transport/worker.ts';
import { job, pidsIn, runAlone, runs, scratch, standIn, until } from './local.ts';

// Real processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const { dir, remove } = scratch();
afterAll(remove);

describe('a child that never leads to the worker', () => {
  it.each<[title: string, body: string, kind: string, reason: RegExp]>([
    [
      'ssh’s own failure',
      'echo "ssh: Could not resolve hostname" >&2; exit 255',
      'unreachable',
      /^ssh: Could not resolve hostname$/,
    ],
    ['a failure without a word', 'exit 255', 'unreachable', /^exit status 255$/],
    [
      'sudo that wants a password',
      'echo "sudo: a password is required" >&2; exit 1',
      'unusable',
      /^sudo: a password is required$/,
    ],
    [
      'a login shell that refuses',
      'echo "This account is currently not available."; exit 1',
      'unusable',
      /^exit status 1$/,
    ],
    ['a host without sh', 'echo "sh: not found" >&2; exit 127', 'unusable', /^sh: not found$/],
    ['one that ends well but runs nothing', 'exit 0', 'unusable', /^exit status 0$/],
    ['one that hangs', 'exec sleep 300', 'unreachable', /^no answer within 0\.5 s$/],
    ['one that hangs in a child of its own', 'sleep 300; true', 'unreachable', /^no answer within 0\.5 s$/],
  ])('%s', async (title, body, kind, reason) => {
    const file = standIn(dir, title.replaceAll(/\W/g, '-'), body);
    const result = await runAlone({ file, args: [], connectLimitMs: 500 }, job('true'));
    expect(result).toEqual({ kind, reason: expect.stringMatching(reason) });
  });

  it('a program that does not exist is named', async () => {
    const file = join(dir, 'nothing-here');
    expect(await runAlone({ file, args: [], connectLimitMs: 500 }, job('true'))).toEqual({
      kind: 'unreachable',
      reason: `the program ${file} was not found`,
    });
  });

  it('a program that cannot be run is named, with why', async () => {
    const file = join(dir, 'not-executable');
    writeFileSync(file, '#!/bin/sh\n', { mode: 0o644 });
    expect(await runAlone({ file, args: [], connectLimitMs: 500 }, job('true'))).toEqual({
      kind: 'unreachable',
      reason: `the program ${file} could not be started (EACCES)`,
    });
  });

  it('that hangs is left when it is told to end', async () => {
    const stop = new AbortController();
    // It ignores that its stdin is closed until its time is over; nothing ran by then.
    const file = standIn(dir, 'hangs', 'exec sleep 300');
    setTimeout(() => stop.abort(), 100);
    const result = await runAlone(
      { file, args: [], connectLimitMs: 500 },
      job('true', { signal: stop.signal }),
    );
    expect(result).toMatchObject({ kind: 'ended', by: 'signal' });
  });
});

describe('a child that leads to it', () => {
  it.each<[title: string, body: string]>([
    ['a banner before', 'echo "Welcome to host-1!"; echo; printf "no newline at its end"; exec "$@"'],
    ['noise on stderr', 'echo "Warning: Permanently added" >&2; exec "$@"'],
    ['something after', '"$@"; echo "Connection closed."'],
    ['an exit status that is not the job’s', '"$@"; exit 255'],
  ])('is understood with %s', async (title, body) => {
    const file = standIn(dir, title.replaceAll(/\W/g, '-'), body);
    const args = ['sh', '-c', WORKER_COMMANDS.none];
    const result = await runAlone({ file, args, connectLimitMs: 5_000 }, job('echo hello; exit 7'));
    expect(result).toMatchObject({ kind: 'finished', status: 7, stdout: expect.stringContaining('hello\n') });
  });

  it('but loses its last words has an unknown outcome', async () => {
    const file = standIn(dir, 'loses', '"$@" | sed -u "/ result /d"; exit 255');
    const args = ['sh', '-c', WORKER_COMMANDS.none];
    const result = await runAlone({ file, args, connectLimitMs: 5_000 }, job('echo why >&2'));
    expect(result).toEqual({
      kind: 'unknown',
      reason: 'the connection ended (exit status 255) before the result was seen',
      stderr: 'why\n',
    });
  });
});

describe('a worker', () => {
  const begin = (): WorkerChild =>
    startWorker({ file: 'sh', args: ['-c', WORKER_COMMANDS.none], connectLimitMs: 5_000 });
  const said = (result: JobResult | null): { stdout: string; stderr: string } =>
    result as { stdout: string; stderr: string };
  /** The job's own parent. */
  const pidOf = (result: JobResult | null): string => /^pid (\d+)$/m.exec(said(result).stdout)?.[1] ?? 'none';

  it('takes one job after another, and no part of one’s header or words for another’s', async () => {
    const worker = begin();
    const pids = new Set<string>();
    for (let n = 0; n < 30; n++) {
      const result = await worker.run(job(`echo pid $PPID; echo ${n}; echo complaint ${n} >&2; exit ${n}`));
      expect(result).toMatchObject({ kind: 'finished', status: n, stderr: `complaint ${n}\n` });
      expect(said(result).stdout).toContain(`\n${n}\n`);
      expect(worker.isIdle()).toBe(true);
      pids.add(pidOf(result));
    }
    expect([...pids]).toEqual([expect.stringMatching(/^\d+$/)]);
    await worker.end();
    await until('it ends', () => !runs(Number([...pids][0])));
  });

  it('loses nothing of a header behind a pipe, as sshd has it, where a killed reader may still take a byte', async () => {
    const file = standIn(dir, 'piped', 'cat | taskset -c 0 "$@"');
    const worker = startWorker({ file, args: ['sh', '-c', WORKER_COMMANDS.none], connectLimitMs: 5_000 });
    expect(workerHeader(job('true'))).toMatch(/^\n\w/);
    // On a processor that has more to do than it can, so that what was killed does not get to die at once.
    const load = [1, 2, 3, 4].map(() =>
      spawn('taskset', ['-c', '0', 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' }),
    );
    try {
      for (let n = 0; n < 150; n++)
        expect(await worker.run(job('true'))).toMatchObject({ kind: 'finished', status: 0 });
    } finally {
      for (const child of load) child.kill('SIGKILL');
    }
    await worker.end();
  });

  it('goes on after a job that took several heartbeats', async () => {
    const worker = begin();
    expect(await worker.run(job('sleep 11; echo long'))).toMatchObject({ kind: 'finished', status: 0 });
    expect(await worker.run(job('echo short'))).toMatchObject({ kind: 'finished', status: 0 });
    await worker.end();
  });

  it('leaves a job nothing of the one before', async () => {
    const worker = begin();
    const look = 'pwd; umask; echo "[$LEFT]"; ls /proc/self/fd';
    const shown = async (script: string): Promise<string> =>
      said(await worker.run(job(script)))
        .stdout.replace(/^\w{16} .*$/gm, '')
        .trim();
    const before = await shown(look);
    await shown('cd /tmp; umask 077; export LEFT=behind; set -e; exec 5>/dev/null');
    expect(await shown(look)).toBe(before);
    expect(before).toMatch(/^\/\n0022\n\[\]\n0\n1\n2\n/);
    await worker.end();
  });

  it('that is asked for nothing ends by itself, also where its link is cut', async () => {
    const pid = join(dir, 'asked-for-nothing');
    const file = standIn(
      dir,
      'cut-when-idle',
      `setsid sh -c 'cat; exec sleep 30' | setsid sh -c 'echo $$ > ${pid}; exec "$@"' sh "$@"`,
    );
    const worker = startWorker({ file, args: ['sh', '-c', WORKER_COMMANDS.none], connectLimitMs: 5_000 });
    expect(await worker.run(job('true'))).toMatchObject({ kind: 'finished', status: 0 });
    const [itself = 0] = pidsIn(pid);
    expect(runs(itself)).toBe(true);
    await worker.end();
    // Its stdin is still open.
    expect(runs(itself)).toBe(true);
    await until('it ends', () => !runs(itself), 25_000);
  });

  it('that was told to end a job takes no other', async () => {
    const worker = begin();
    expect(await worker.run(job('sleep 300', { limitMs: 100 }))).toMatchObject({
      kind: 'ended',
      by: 'limit',
    });
    expect(worker.isIdle()).toBe(false);
    await worker.end();
  });

  it('gives the whole of what both say, also where the one or the other comes late', async () => {
    for (const [name, late] of [
      ['late-stderr', '"$@" 2>&1 >&3 | sh -c \'read w; sleep 0.2; echo "$w"; cat\' >&2'],
      [
        'late-stdout',
        '"$@" 2>&2 | sh -c \'IFS= read -r w; echo "$w"; IFS= read -r w; echo "$w"; cat | cat\'',
      ],
    ] as const) {
      const file = standIn(dir, name, `exec 3>&1\n${late}`);
      const worker = startWorker({
        ...{ file, args: ['sh', '-c', WORKER_COMMANDS.none], connectLimitMs: 5_000 },
      });
      const result = await worker.run(job('echo first >&2; echo out; echo why >&2'));
      expect(result).toMatchObject({ kind: 'finished', status: 0, stderr: 'first\nwhy\n' });
      expect(said(result).stdout).toContain('out\n');
      await worker.end();
    }
  });

  it.each([
    ['stderr', '"$@" 2>/dev/null'],
    ['both in one', '"$@" 2>&1'],
  ])(
    'whose result does not come on %s has done its job all the same, and is not used again',
    async (name, body) => {
      const file = standIn(dir, `no-${name.replaceAll(' ', '-')}`, body);
      const worker = startWorker({ file, args: ['sh', '-c', WORKER_COMMANDS.none], connectLimitMs: 5_000 });
      expect(await worker.run(job('exit 3'))).toMatchObject({ kind: 'finished', status: 3 });
      expect(worker.isIdle()).toBe(false);
      await worker.end();
    },
  );

  it('that goes away between two jobs takes none, and says so', async () => {
    const worker = begin();
    const pid = Number(pidOf(await worker.run(job('echo pid $PPID'))));
    process.kill(pid, 'SIGTERM');
    const mark = join(dir, 'went-away');
    expect(await worker.run(job(`touch ${mark}`))).toBe(null);
    expect(existsSync(mark)).toBe(false);
  });
});

describe('workers that wait for their next job', () => {
  const target = (hostId: string): Target => ({
    ...{ hostId, address: LOCAL_ADDRESS, user: null, port: null, identityFile: null },
    ...{ hostKeys: [], privileges: 'none' },
  });
  const open = (parallel: number): Transport =>
    openTransport({ program: 'ssh', runDir: join(dir, 'idle'), connectTimeoutMs: 5_000, parallel });
  const pid = async (transport: Transport, hostId: string, more = ''): Promise<number> => {
    const result = await transport.run(target(hostId), job(`echo pid $PPID; ${more}`));
    expect(result).toMatchObject({ kind: 'finished', status: 0 });
    return Number(/^pid (\d+)$/m.exec((result as { stdout: string }).stdout)?.[1]);
  };

  it('get the next of their host, and no other’s; as many as there are jobs at a time', async () => {
    const transport = open(16);
    const first = await Promise.all(['a', 'a', 'b'].map((id) => pid(transport, id, 'sleep 0.2')));
    expect(new Set(first).size).toBe(3);
    const [one, two, other] = first;
    expect([one, two]).toContain(await pid(transport, 'a'));
    expect(await pid(transport, 'b')).toBe(other);
    await transport.close();
    await until('all of them end', () => !first.some(runs));
  });

  it('are no more than may have a job at a time', async () => {
    const transport = open(2);
    const [a, b, c] = [await pid(transport, 'a'), await pid(transport, 'b'), await pid(transport, 'c')];
    await until('the one too many ends', () => !runs(c));
    expect([await pid(transport, 'a'), await pid(transport, 'b')]).toEqual([a, b]);
    await transport.close();
  });

  it('are replaced where they have gone', async () => {
    const transport = open(16);
    const gone = await pid(transport, 'a');
    process.kill(gone, 'SIGTERM');
    expect(await pid(transport, 'a')).not.toBe(gone);
    await transport.close();
  });

  it('begin nothing where nothing may be started any more', async () => {
    const transport = open(16);
    await pid(transport, 'a');
    const mark = join(dir, 'not-any-more');
    const assertMayStart = (): void => {
      throw new Error('the lock is lost');
    };
    await expect(transport.run(target('a'), job(`touch ${mark}`, { assertMayStart }))).rejects.toThrow(
      'lost',
    );
    expect(existsSync(mark)).toBe(false);
    await transport.close();
  });
});

describe('a remote host', () => {
  const target: Target = {
    hostId: 'host-1',
    address: '10.0.0.1',
    user: 'ops',
    port: 2222,
    identityFile: null,
    hostKeys: ['ssh-ed25519 AAAA'],
    privileges: 'none',
  };
  // Notes its arguments, and runs what it is given where there is something.
  const recording = (name: string): { readonly program: string; readonly calls: () => string[] } => {
    const log = join(dir, `${name}.log`);
    const body = `
printf '%s ' "$@" >> ${log}; echo >> ${log}
case " $* " in *' -M '*) exit 0 ;; esac
for last; do :; done
exec sh -c "$last"`;
    return {
      program: standIn(dir, name, body),
      calls: () => readFileSync(log, 'utf8').trimEnd().split('\n'),
    };
  };

  it('is reached over one connection, which is closed at the end', async () => {
    const { program, calls } = recording('ssh-once');
    const runDir = join(dir, 'once');
    const transport = openTransport({ program, runDir, connectTimeoutMs: 5_000, parallel: 16 });
    const results = await Promise.all(
      ['1', '2', '3'].map((word) => transport.run(target, job(`echo ${word}`))),
    );
    expect(results.map(({ kind }) => kind)).toEqual(['finished', 'finished', 'finished']);
    const known = join(runDir, 'host-1.known_hosts');
    expect(readFileSync(known, 'utf8')).toBe('pgctl-host-1 ssh-ed25519 AAAA\n');
    expect((statSync(runDir).mode & 0o777).toString(8)).toBe('700');
    // What comes after them needs no call.
    for (const word of ['4', '5']) await transport.run(target, job(`echo ${word}`));
    await transport.close();
    const all = calls();
    expect(all.filter((call) => call.startsWith('-M '))).toHaveLength(1);
    expect(all.filter((call) => call.startsWith('-T '))).toHaveLength(3);
    expect(all).toHaveLength(4);
    expect(existsSync(runDir)).toBe(false);
  });

  it('shows nothing of a job in ssh’s arguments', async () => {
    const { program, calls } = recording('ssh-secret');
    const transport = openTransport({
      program,
      runDir: join(dir, 'secret'),
      connectTimeoutMs: 5_000,
      parallel: 16,
    });
    await transport.run(target, job('echo canary-91'));
    await transport.close();
    expect(calls().join('\n')).not.toContain('canary-91');
    expect(calls().join('\n')).not.toContain(Buffer.from('echo canary-91').toString('base64').slice(0, 12));
  });

  it('that does not answer fails every job with what ssh said, asked once', async () => {
    const log = join(dir, 'refused.log');
    // -E names the file for its words.
    const program = standIn(
      dir,
      'ssh-refused',
      `echo x >> ${log}
while [ "$1" != -E ]; do shift; done
echo "ssh: connect to host 10.0.0.1 port 2222: Connection refused" > "$2"; exit 255`,
    );
    const transport = openTransport({
      program,
      runDir: join(dir, 'refused'),
      connectTimeoutMs: 5_000,
      parallel: 16,
    });
    const results = [await transport.run(target, job('true')), await transport.run(target, job('true'))];
    const reason = 'ssh: connect to host 10.0.0.1 port 2222: Connection refused';
    expect(results).toEqual([
      { kind: 'unreachable', reason },
      { kind: 'unreachable', reason },
    ]);
    expect(readFileSync(log, 'utf8')).toBe('x\n');
    await transport.close();
  });

  it('whose connection is still being opened at the end is given up, with all that hangs on it', async () => {
    const pids = join(dir, 'opening.pids');
    const program = standIn(dir, 'ssh-opening', `sleep 300 & echo $! >> ${pids}; echo $$ >> ${pids}; wait`);
    const transport = openTransport({
      program,
      runDir: join(dir, 'opening'),
      connectTimeoutMs: 5_000,
      parallel: 16,
    });
    const waiting = transport.run(target, job('true'));
    await until('it is being opened', () => pidsIn(pids).length === 2);
    await transport.close();
    expect(await waiting).toEqual({ kind: 'unreachable', reason: 'the attempt was given up' });
    await until('all of it ends', () => !pidsIn(pids).some(runs));
  });

  it('cannot be reached without the program', async () => {
    const program = join(dir, 'no-such-ssh');
    const transport = openTransport({
      program,
      runDir: join(dir, 'none'),
      connectTimeoutMs: 5_000,
      parallel: 16,
    });
    expect(await transport.run(target, job('true'))).toEqual({
      kind: 'unreachable',
      reason: `the program ${program} was not found`,
    });
    await transport.close();
  });
});

describe('limiter', () => {
  it('runs at most as many as it may, first come first served, and goes on after a failure', async () => {
    const limited = limiter(2);
    const began: number[] = [];
    let running = 0;
    let most = 0;
    const results = await Promise.allSettled(
      [1, 2, 3, 4, 5, 6].map((n) =>
        limited(async () => {
          began.push(n);
          most = Math.max(most, ++running);
          await new Promise((done) => setTimeout(done, 5));
          running -= 1;
          if (n % 2 === 0) throw new Error(String(n));
          return n;
        }),
      ),
    );
    expect(most).toBe(2);
    expect(began).toEqual([1, 2, 3, 4, 5, 6]);
    expect(results.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled', 'rejected'],
    ]);
  });
});
