import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { Secret } from '../../src/secret.ts';
import { lineReader, saidReader } from '../../src/steps/lines.ts';
import { readOutputs, renderSteps, STEP_EXIT } from '../../src/steps/render.ts';
import type { FileStep, SqlStep, Text, WaitStep } from '../../src/steps/step.ts';
import { ME, runSteps, script } from './run-steps.ts';

// Real processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const dir = realpathSync(mkdtempSync(join(tmpdir(), 'pgctl-render-')));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const SECRET = 'canary-5c1d';
const HOSTILE = [`'"$(id)\`\\n%s`, '', ' two  words ', 'new\nline', '-n', '*', 'größe 🐘'];

describe('script steps', () => {
  it.each<[title: string, printed: string]>([
    ['nothing', ''],
    ['text without a newline at its end', 'a'],
    ['newlines at its end', 'a\n\n\n'],
    ['only newlines', '\n\n'],
    ['lines that look like a frame of another run', '\nabc begin 0\n\nabc end 0 0\n'],
    ['unicode', 'größe 数据 🐘\n'],
    ['long text', `${'0123456789'.repeat(20_000)}\n`],
  ])('are read back exactly: %s', (_title, printed) => {
    const ran = runSteps([script('cat', { stdin: printed }), script('printf after')]);
    expect(ran.outputs).toEqual([
      { exitCode: 0, stdout: printed },
      { exitCode: 0, stdout: 'after' },
    ]);
    expect(ran.status).toBe(0);
  });

  it('get their arguments as they are', () => {
    const { outputs } = runSteps([script(`printf '<%s>' "$@"`, { args: HOSTILE })]);
    expect(outputs[0]?.stdout).toBe(HOSTILE.map((word) => `<${word}>`).join(''));
  });

  it.each<[title: string, stdin: Text, arrives: string]>([
    ['control characters and NUL', '\0\u0001\u001b\r\n\u007f', '\0\u0001\u001b\r\n\u007f'],
    ['quotes and expansions', `'"$(id)\`\\\n`, `'"$(id)\`\\\n`],
    ['text around a secret', ['a ', new Secret(SECRET), '\n'], `a ${SECRET}\n`],
    ['a secret of several lines', new Secret(`${SECRET}\n\n`), `${SECRET}\n\n`],
    ['a megabyte', '🐘'.repeat(262_144), '🐘'.repeat(262_144)],
    ['a megabyte of plain text', `'${'x\n'.repeat(524_288)}`, `'${'x\n'.repeat(524_288)}`],
  ])('get their stdin as it is: %s', (_title, stdin, arrives) => {
    const { outputs } = runSteps([script('cat', { stdin })]);
    expect(outputs[0]?.stdout === arrives).toBe(true);
  });

  it('stop at the first that fails, with its status, and keep what ran', () => {
    const mark = join(dir, 'third-ran');
    const ran = runSteps([
      script('echo first'),
      script('echo second; echo why >&2; exit 41; echo never'),
      script('touch "$1"', { args: [mark] }),
    ]);
    expect(ran.status).toBe(41);
    expect(ran.outputs).toEqual([
      { exitCode: 0, stdout: 'first\n' },
      { exitCode: 41, stdout: 'second\n' },
    ]);
    expect(ran.stderr).toBe('why\n');
    expect(spawnSync('test', ['-e', mark]).status).toBe(1);
  });

  it.each([
    ['a command that fails', 'false; echo on'],
    ['a variable that is not set', 'echo "$nothing_of_that_name"; echo on'],
  ])('end at %s', (_title, text) => {
    const { status, outputs } = runSteps([script(text)]);
    expect(status).not.toBe(0);
    expect(outputs[0]?.stdout).toBe('');
  });

  it('do not read the steps that follow them', () => {
    const { outputs } = runSteps([script('cat >/dev/null; cat'), script('echo second')]);
    expect(outputs.map(({ stdout }) => stdout)).toEqual(['', 'second\n']);
  });

  it.runIf(ME === 'root')(
    'of the data’s account run as that account, those of the administrator do not',
    () => {
      const asAdmin = script('id -un');
      const asOwner = script('id -un; cat', { account: 'postgres', stdin: new Secret(SECRET) });
      const { outputs } = runSteps([asAdmin, asOwner], 'nobody');
      expect(outputs.map(({ stdout }) => stdout)).toEqual(['root\n', `nobody\n${SECRET}`]);
    },
  );
});

describe('secrets', () => {
  // The command lines and environments of the step and of everything above it, and of the writers beside it.
  const LOOK = `
pid=$$
while [ "$pid" -gt 1 ] && [ "$pid" != "$1" ]; do
  tr '\\0' '\\n' < "/proc/$pid/cmdline"; tr '\\0' '\\n' < "/proc/$pid/environ"
  for child in $(cat /proc/$pid/task/*/children 2>/dev/null); do
    tr '\\0' '\\n' < "/proc/$child/cmdline" || :
  done 2>/dev/null
  pid=$(awk '$1 == "PPid:" { print $2 }' "/proc/$pid/status")
done
wc -c
`;

  it('never show in an argument list or an environment while a step runs', () => {
    const step = script(LOOK, { args: [String(process.pid)], stdin: ['x', new Secret(SECRET)] });
    const { outputs, stderr } = runSteps([step]);
    const seen = outputs[0]?.stdout ?? stderr;
    expect(seen).toContain('sh\n-euc\n'); // it looked at the right processes
    expect(seen).toMatch(new RegExp(`^${SECRET.length + 1}$`, 'm')); // and the secret did arrive
    expect(seen).not.toContain(SECRET);
    expect(seen).not.toContain(Buffer.from(`x${SECRET}`).toString('base64'));
  });
});

describe('readOutputs', () => {
  const nonce = 'a1b2';
  const frame = (index: number, text: string, status = 0): string =>
    `\n${nonce} begin ${index}\n${text}\n${nonce} end ${index} ${status}\n`;

  it.each<[title: string, stdout: string, outputs: string[]]>([
    ['nothing', '', []],
    ['a banner before the frames', `Welcome!\n${frame(0, 'a')}`, ['a']],
    ['a banner without a newline at its end', `Welcome${frame(0, 'a')}`, ['a']],
    ['noise between the frames', `${frame(0, 'a')}noise\n${frame(1, 'b')}`, ['a', 'b']],
    ['a frame that was cut off', `${frame(0, 'a')}\n${nonce} begin 1\nb`, ['a']],
    ['an end cut in its number', `\n${nonce} begin 0\na\n${nonce} end 0 1`, []],
    ['the nonce inside a line', frame(0, `see ${nonce} end 0 0`), [`see ${nonce} end 0 0`]],
    ['another run’s frames', '\nffff begin 0\na\nffff end 0 0\n', []],
  ])('%s', (_title, stdout, outputs) => {
    expect(readOutputs(stdout, nonce).map((output) => output.stdout)).toEqual(outputs);
  });

  it('drops what a real shell says around the steps', () => {
    const { stdout } = spawnSync('sh', ['-s'], {
      input: `echo banner\n${renderSteps([script('echo a')], { nonce, runUser: ME })}echo bye\n`,
      encoding: 'utf8',
    });
    expect(stdout).toContain('banner');
    expect(readOutputs(stdout, nonce)).toEqual([{ exitCode: 0, stdout: 'a\n' }]);
  });
});

describe('file steps', () => {
  const file = (path: string, content: Text, mode = '0600'): FileStep => ({
    kind: 'file',
    path,
    content,
    mode,
    owner: 'postgres',
  });
  const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8).padStart(4, '0');

  it.each<[title: string, name: string, content: Text, mode: string]>([
    ['a new file', 'new', 'a\nb\n', '0644'],
    ['a secret', 'secret', new Secret(SECRET), '0600'],
    ['a program', 'program', '#!/bin/sh\n', '0700'],
    ['nothing', 'nothing', '', '0640'],
    ['binary-ish text', 'binary', '\0\u0001\r\n\u001b', '0600'],
    ['a hostile name', `it's "a" $(file)\n*`, 'x', '0600'],
  ])('write %s whole, with its mode', (_title, name, content, mode) => {
    const path = join(dir, name);
    expect(runSteps([file(path, content, mode)]).status).toBe(0);
    const written = typeof content === 'string' ? content : SECRET;
    expect([readFileSync(path, 'utf8'), modeOf(path)]).toEqual([written, mode]);
  });

  it('replace a file in one step: who has it open goes on reading the old one', () => {
    const path = join(dir, 'replaced');
    writeFileSync(path, 'before, and longer');
    const held = openSync(path, 'r');
    runSteps([file(path, 'after')]);
    expect([readFileSync(held, 'utf8'), readFileSync(path, 'utf8')]).toEqual(['before, and longer', 'after']);
    closeSync(held);
  });

  it('leave the old file as it is where the new one cannot be written', () => {
    const path = join(dir, 'kept');
    writeFileSync(path, 'old');
    // What stands in the way of the copy beside it cannot be removed by `rm -f`.
    mkdirSync(`${path}.pgctl-new`);
    expect(runSteps([file(path, 'new')]).status).not.toBe(0);
    expect(readFileSync(path, 'utf8')).toBe('old');
  });

  it('take over from a write that was cut short, without its mode', () => {
    const path = join(dir, 'again');
    writeFileSync(`${path}.pgctl-new`, 'torso');
    chmodSync(`${path}.pgctl-new`, 0o666);
    runSteps([file(path, SECRET)]);
    expect([readFileSync(path, 'utf8'), modeOf(path)]).toEqual([SECRET, '0600']);
    expect(spawnSync('test', ['-e', `${path}.pgctl-new`]).status).toBe(1);
  });

  it('are private from their first byte on, not only once they have their mode', async () => {
    const path = join(dir, 'private');
    const content = new Secret(`${SECRET} with an ä`);
    // What decodes the content stays a while, and so the copy is not yet whole.
    const slowly = 'base64() { command base64 "$@"; sleep 1; }';
    const steps = renderSteps([file(path, content, '0644')], { nonce: 'n', runUser: ME });
    const writing = execa('sh', ['-s'], { input: `umask 0\n${slowly}\n${steps}` });
    await vi.waitFor(() => expect(readFileSync(`${path}.pgctl-new`, 'utf8')).toBe(content.reveal()));
    expect(modeOf(`${path}.pgctl-new`)).toBe('0600');
    await writing;
    expect(modeOf(path)).toBe('0644');
  });

  it('replace a symbolic link rather than write through it', () => {
    const [victim, path] = [join(dir, 'victim'), join(dir, 'link')];
    writeFileSync(victim, 'precious');
    symlinkSync(victim, path);
    runSteps([file(path, 'new')]);
    expect([readFileSync(victim, 'utf8'), readFileSync(path, 'utf8')]).toEqual(['precious', 'new']);
  });

  it('do not move into a directory of that name', () => {
    const path = join(dir, 'is-a-directory');
    mkdirSync(path);
    expect(runSteps([file(path, 'new')]).status).not.toBe(0);
  });
});

describe('SQL steps', () => {
  // A program that says how psql would have been called: no server is needed to see that.
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'psql'),
    `#!/bin/sh\nprintf '<%s>\\n' "$@"; env | grep '^PG' | sort; echo --; cat\n`,
    { mode: 0o755 },
  );
  const sql = (text: Text): SqlStep => ({
    kind: 'sql',
    name: 'test',
    connection: { bin_dir: bin, socket_dir: '/run/post gres', port: 5433, database: 'postgres' },
    sql: text,
  });

  it('go over stdin to the superuser’s psql, which keeps them out of the server’s log', () => {
    const { outputs } = runSteps([sql(['alter role app password ', new Secret(`'${SECRET}'`), ';\n'])]);
    expect(outputs[0]?.stdout).toMatchInlineSnapshot(`
      "<--no-psqlrc>
      <--quiet>
      <--no-align>
      <--tuples-only>
      <--set=ON_ERROR_STOP=1>
      <--username=postgres>
      <--host=/run/post gres>
      <--port=5433>
      <--dbname=postgres>
      <--file=->
      PGAPPNAME=pgctl
      PGCONNECT_TIMEOUT=10
      PGOPTIONS=-c log_statement=none -c log_min_error_statement=panic -c log_min_duration_statement=-1
      --
      alter role app password 'canary-5c1d';
      "
    `);
  });
});

describe('wait steps', () => {
  const wait = (text: string, more: Partial<WaitStep> = {}): WaitStep => ({
    kind: 'wait',
    name: 'test',
    script: text,
    args: [],
    account: 'admin',
    stallSeconds: 20,
    ...more,
  });
  // Counts its own runs in the file $1.
  const COUNT = 'n=$(cat "$1" 2>/dev/null || echo 0); n=$((n + 1)); echo $n > "$1"; ';

  it('go on as long as the script says not yet, and give what it said last', () => {
    const counter = join(dir, 'counter');
    const ran = runSteps([
      wait(`${COUNT} echo "try $n of $2"; [ $n -ge 4 ] || exit ${STEP_EXIT.notYet}`, {
        args: [counter, 'fo ur'],
      }),
    ]);
    expect(ran.outputs).toEqual([{ exitCode: 0, stdout: 'try 4 of fo ur\n' }]);
    expect(readFileSync(counter, 'utf8')).toBe('4\n');
  });

  it('fail at once with any other status, saying what the script said', () => {
    const counter = join(dir, 'counter-of-failure');
    const ran = runSteps([wait(`${COUNT} echo "Patroni ended"; exit 3`, { args: [counter] })]);
    expect([ran.status, ran.stderr]).toEqual([3, 'Patroni ended\n']);
    expect(readFileSync(counter, 'utf8')).toBe('1\n');
  });

  it('give up when nothing changes for too long, and ask the script what else is known', () => {
    const script = `[ -z "\${PGCTL_STALLED-}" ] || echo 'the log: no space'; echo at 5 KiB; exit ${STEP_EXIT.notYet}`;
    const ran = runSteps([wait(script, { stallSeconds: 1 })]);
    expect(ran.status).toBe(STEP_EXIT.stalled);
    expect(ran.stderr).toBe('no progress for 1 s: at 5 KiB\nthe log: no space\nat 5 KiB\n');
  });

  it('say while they wait what they wait for, which is no part of what they print', () => {
    const counter = join(dir, 'counter-of-said');
    const step = wait(
      `${COUNT} echo "try $n of 9 bytes"; echo more; [ $n -ge 28 ] || exit ${STEP_EXIT.notYet}`,
      {
        args: [counter],
      },
    );
    const input = renderSteps([step, script('echo after')], { nonce: 'abc', runUser: ME });
    const { stdout } = spawnSync('sh', ['-s'], { input, encoding: 'utf8' });
    const said: unknown[] = [];
    const read = saidReader('abc', (each) => said.push(each));
    for (const character of stdout) read(character);
    // At once, and then every other second.
    expect(said[0]).toEqual({ text: 'try 1 of 9 bytes', progress: { done: 1, total: 9 } });
    expect(said.length).toBeGreaterThanOrEqual(2);
    expect(said.length).toBeLessThan(5);
    expect(readOutputs(stdout, 'abc')).toEqual([
      { exitCode: 0, stdout: 'try 28 of 9 bytes\nmore\n' },
      { exitCode: 0, stdout: 'after\n' },
    ]);
    const lines: string[] = [];
    lineReader('abc', (line) => lines.push(line)).push(stdout);
    expect(lines).toEqual(['try 28 of 9 bytes', 'more', 'after']);
  });

  it('have no limit while what the script prints changes', () => {
    const counter = join(dir, 'counter-of-progress');
    // Some three seconds, changing every second at least, under a limit of two.
    const ran = runSteps([
      wait(`${COUNT} echo $n; [ $n -ge 14 ] || exit ${STEP_EXIT.notYet}`, {
        args: [counter],
        stallSeconds: 2,
      }),
    ]);
    expect(ran.outputs).toEqual([{ exitCode: 0, stdout: '14\n' }]);
  });
});
