import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { limiter } from '../../src/transport/limiter.ts';
import type { Target } from '../../src/transport/target.ts';
import { openTransport } from '../../src/transport/transport.ts';
import { WORKER_COMMANDS } from '../../src/transport/worker.ts';
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
