import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { psqlScript } from '../../src/steps/psql.ts';
import { attachCommand, runAttached } from '../../src/transport/attach.ts';
import { attachArguments } from '../../src/transport/ssh.ts';
import { ME } from '../steps/run-steps.ts';
import { HERE, scratch, standIn } from './local.ts';

// Real processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const { dir, remove } = scratch();
afterAll(remove);

const HOSTILE = [
  `it's "quoted" $(id) \`id\` $HOME \\ !x %s`,
  '',
  ' two  words ',
  'new\nline\n',
  '-n',
  '--',
  '*',
  'größe 🐘',
  'select '.repeat(1_000),
];

describe('psql gets', () => {
  // In place of psql: says how it was called and copies its stdin, byte for byte.
  standIn(
    dir,
    'psql',
    `printf '%s\\0' "$PGAPPNAME" "\${PGHOST-unset}" "$@"; cat; echo complaint >&2; exit 3`,
  );
  const connection = { bin_dir: dir, socket_dir: '/run/post gres', port: 5433, database: "sh'op" };
  const script = psqlScript({ connection, runUser: ME, applicationName: 'pgctl-test', args: HOSTILE });
  const { status, stdout, stderr } = spawnSync('sh', ['-c', attachCommand('none', script)], {
    input: 'select 1;\r\n\tno end',
    encoding: 'utf8',
    env: { ...process.env, PGHOST: 'elsewhere' },
  });
  const words = stdout.split('\0');

  it('its arguments as they are, behind those that lead to the database', () => {
    expect(words.slice(0, 6)).toEqual([
      'pgctl-test',
      'unset',
      '--username=postgres',
      '--host=/run/post gres',
      '--port=5433',
      "--dbname=sh'op",
    ]);
    expect(words.slice(6, -1)).toEqual(HOSTILE);
  });

  it('stdin, stderr and its exit status to itself', () => {
    expect([words.at(-1), stderr, status]).toEqual(['select 1;\r\n\tno end', 'complaint\n', 3]);
  });
});

describe('the command line for a login shell', () => {
  it('has no character that a shell could read in another way, and no word too long for a csh', () => {
    const command = attachCommand('sudo', `printf '%s' "$1"\n`.repeat(500));
    const [, start, words = ''] = /^(exec sudo -n sh -c '[^']*') (.*)$/.exec(command) ?? [];
    expect(start).toBe(`exec sudo -n sh -c 'eval "$(printf %s "$@" | base64 -d)"'`);
    expect(words).toMatch(/^[A-Za-z0-9+/= ]+$/);
    expect(Math.max(...words.split(' ').map((word) => word.length))).toBeLessThan(1_000);
  });
});

describe('an attached program', () => {
  const sh = (script: string, remote = false, limitMs: number | null = null) =>
    runAttached({ file: 'sh', args: ['-c', script], remote, limitMs });

  it('ends with its own exit status', async () => {
    expect(await sh('exit 3')).toEqual({ kind: 'exited', status: 3 });
    expect(await sh('exit 255')).toEqual({ kind: 'exited', status: 255 });
    expect(await sh('exit 3', true)).toEqual({ kind: 'exited', status: 3 });
  });

  it('that a signal ends has 128 and its number, and may run on where only its ssh was ended', async () => {
    expect(await sh('kill -s KILL $$')).toEqual({ kind: 'exited', status: 137 });
    expect(await sh('kill -s TERM $$', true)).toEqual({ kind: 'interrupted', status: 143 });
  });

  it.each([false, true])('is ended when its time is over, and not before (remote: %s)', async (remote) => {
    expect(await sh('exec sleep 30', remote, 200)).toEqual({ kind: 'timed_out' });
    expect(await sh('exit 3', remote, 10_000)).toEqual({ kind: 'exited', status: 3 });
  });

  it('is ended too where it does not listen', async () => {
    const stubborn = `trap '' TERM; while :; do sleep 0.1; done`;
    expect(await sh(stubborn, false, 200)).toEqual({ kind: 'timed_out' });
  });

  it('that is not there, or whose connection broke, is told apart', async () => {
    const file = join(dir, 'nothing-here');
    const reason = `the program ${file} was not found`;
    expect(await runAttached({ file, args: [], remote: true, limitMs: null })).toEqual({
      kind: 'unreachable',
      reason,
    });
    expect(await sh('exit 255', true)).toEqual({ kind: 'lost' });
  });
});

describe('ssh is called', () => {
  const settings = { program: 'ssh', runDir: '/tmp/pgctl-x', connectTimeoutMs: 10_000 };
  it.each<[terminal: boolean, option: string]>([
    [true, 'RequestTTY=force'],
    [false, 'RequestTTY=no'],
  ])('with a terminal: %s', (terminal, option) => {
    const args = attachArguments(settings, { ...HERE, address: 'db1' }, { command: 'true', terminal });
    // ssh takes the first of several.
    expect(args.find((arg) => arg.startsWith('RequestTTY='))).toBe(option);
    expect(args).not.toContain('-T');
    expect(args.slice(-3)).toEqual(['--', 'db1', 'true']);
  });
});
