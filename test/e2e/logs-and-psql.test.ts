import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, startLab } from '../lab/lab.ts';
import { type Operator, operatorOf, PROGRAM, type Ran } from './pgctl.ts';

let lab: Lab;
let operator: Operator;
let primary: string;
let replica: string;

/** Both hosts are reached by users who have sudo only, one of them with a csh. */
const USERS = { 'host-1': 'cshuser', 'host-2': 'operator' };

const psql = (args: readonly string[], input?: string): Promise<Ran> =>
  operator.run(['db', 'psql', 'shop', ...args], input === undefined ? {} : { input });

/** pgctl as a process that goes on, to look at and to end. */
function start(args: readonly string[]) {
  const child = execa('node', [PROGRAM, ...args], { env: operator.env, extendEnv: false, reject: false });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  const says = (what: string | RegExp) => expect.poll(() => stdout, { timeout: 20_000 }).toMatch(what);
  return { child, says, said: () => stdout };
}

const onHost = async (host: string, command: string): Promise<string> =>
  (await lab.host(host).run(command)).stdout.trim();

beforeAll(async () => {
  lab = await startLab({ hosts: 2 });
  operator = await operatorOf(lab.etcd.endpoints);
  for (const [id, user] of Object.entries(USERS)) {
    await operator.json([
      ...['host', 'add', id, '--address', lab.host(id).address, '--user', user],
      ...['--identity-file', lab.identityFile, '--accept-host-key'],
    ]);
  }
  await operator.json(['db', 'create', 'shop', '--hosts', 'host-1,host-2']);
  [primary, replica] = ['shop.n1.host-1', 'shop.n1.host-2'];
});
afterAll(async () => {
  await operator?.dispose();
  await lab?.stop();
});

describe('psql in a script', () => {
  it('runs on the primary as the superuser, in the database of the spec', async () => {
    const asked = `select current_user, current_database(), pg_is_in_recovery()`;
    expect(await psql(['--', '-XAtc', asked])).toEqual({
      exitCode: 0,
      stdout: 'postgres|shop|f',
      stderr: '',
    });
    const there = await psql(['--instance', replica, '--', '-XAtc', asked]);
    expect(there).toEqual({ exitCode: 0, stdout: 'postgres|shop|t', stderr: '' });
  });

  it('gets its arguments as they are', async () => {
    const value = `it's "quoted" $(id) \`id\` !x \\n\n  two  words 🐘 ${'long '.repeat(500)}end`;
    const ran = await psql(['--', '-XAt', '-v', `value=${value}`], "select :'value';");
    expect(ran).toEqual({ exitCode: 0, stdout: value, stderr: '' });
  });

  it('ends pgctl with its own exit status, and says itself what is wrong', async () => {
    const failed = await psql(['--', '-Xc', 'select 1/0']);
    expect(failed).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: expect.stringMatching(/division by zero$/),
    });
    expect((await psql(['--', '-X', '-v', 'ON_ERROR_STOP=1'], 'select 1/0;')).exitCode).toBe(3);
    expect((await psql(['--', '-X', '-d', 'nothing-here', '-c', 'select 1'])).exitCode).toBe(2);
  });

  it('reads stdin to its end', async () => {
    const rows = Array.from({ length: 50_000 }, (_, n) => `${n}\tgröße ${n}`).join('\n');
    const input = `create table t (n int, word text);\ncopy t from stdin;\n${rows}\n\\.\nselect count(*), max(word) from t;\n`;
    expect(await psql(['--', '-XAtq', '-f', '-'], input)).toMatchObject({
      exitCode: 0,
      stdout: '50000|größe 9999',
    });
    const copied = await psql(['--', '-XAtc', 'copy t to stdout']);
    expect(copied.stdout).toBe(rows);
  });

  it('that is interrupted leaves nothing running', async () => {
    const { child, says } = start([
      'db',
      'psql',
      'shop',
      '--',
      '-XAt',
      '-c',
      "select 'here'",
      '-c',
      'select pg_sleep(300)',
    ]);
    await says('here');
    child.kill('SIGTERM');
    expect((await child).exitCode).toBe(143);
    const left = `select count(*) from pg_stat_activity where query ~ 'pg_slee[p]'`;
    await expect.poll(async () => (await psql(['--', '-XAtc', left])).stdout).toBe('0');
    await expect.poll(() => onHost('host-1', 'pgrep -f pg_slee[p]')).toBe('');
  });
});

describe('psql that takes longer than it may', () => {
  it('is ended with 124, and so is its session on the server', async () => {
    const ran = await operator.run([
      ...['db', 'psql', 'shop', '--timeout', '3s', '--', '-Xc', 'select pg_sleep(301)'],
    ]);
    expect(ran).toMatchObject({
      exitCode: 124,
      stdout: '',
      stderr: expect.stringContaining('its time limit of 3 s') as string,
    });
    const left = `select count(*) from pg_stat_activity where query ~ 'pg_sleep.30[1]'`;
    await expect.poll(async () => (await psql(['--', '-XAtc', left])).stdout).toBe('0');
  });
});

describe('psql at a terminal', () => {
  it('has a prompt and a Ctrl-C of its own', async () => {
    const line = `stty cols 100; node '${PROGRAM}' db psql shop -- -X`;
    const child = execa('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
      env: { ...operator.env, TERM: 'xterm', PAGER: 'cat' },
      extendEnv: false,
      reject: false,
    });
    let screen = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (screen += chunk));
    const says = (what: string) => expect.poll(() => screen, { timeout: 20_000 }).toContain(what);
    await says('shop=#');
    child.stdin.write('select 6 * 7 as answer;\n');
    await says('42');
    child.stdin.write("select 'sleeping' from pg_sleep(300);\n");
    const active = `select count(*) from pg_stat_activity where state = 'active' and query ~ 'pg_slee[p]\\('`;
    await expect
      .poll(async () => (await psql(['--', '-XAtc', active])).stdout, { timeout: 10_000 })
      .toBe('1');
    child.stdin.write('\u0003');
    await says('canceling statement due to user request');
    child.stdin.write('\\q\n');
    expect((await child).exitCode).toBe(0);
    expect(screen).not.toContain('closed');
  });
});

describe('psql is refused', () => {
  it('for a database that is not there', async () => {
    const ran = await operator.run(['db', 'psql', 'shopp', '--', '-c', 'select 1']);
    expect(ran).toMatchObject({ exitCode: 5, stdout: '', stderr: expect.stringContaining('"shop"') });
  });
});

describe('the logs of an instance', () => {
  it('are the last lines of its unit', async () => {
    const { exitCode, stdout, stderr } = await operator.run(['instance', 'logs', primary, '-n', '5']);
    expect([exitCode, stderr, stdout.split('\n').length]).toEqual([0, '', 5]);
    expect(stdout).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S* host-1 .*\[\d+\]: /);
    const document = await operator.json<{ lines: string[] }>(['instance', 'logs', replica, '--lines', '3']);
    expect(document).toMatchObject({ kind: 'InstanceLogs', instance_id: replica });
    expect(document.lines).toHaveLength(3);
    expect(document.lines[0]).toContain('host-2');
  });

  it('are followed until Ctrl-C, which leaves nothing on the host', async () => {
    const { child, says, said } = start(['instance', 'logs', primary, '--follow', '-n', '0']);
    await expect.poll(() => onHost('host-1', 'pgrep journalctl'), { timeout: 20_000 }).not.toBe('');
    await psql(['--', '-Xc', 'select 1/0 as followed']);
    await says(/division by zero/);
    child.kill('SIGINT');
    const { exitCode, stderr } = await child;
    expect([exitCode, stderr]).toEqual([130, '']);
    expect(said()).toMatch(/select 1\/0 as followed\n$/);
    expect(said()).not.toContain('result');
    expect(await onHost('host-1', 'pgrep journalctl')).toBe('');
  });

  it('end a follow that nobody reads any more', async () => {
    const line = `node '${PROGRAM}' instance logs ${primary} -f -n 20 | head -n 2`;
    const { stdout } = await execa('sh', ['-c', line], { env: operator.env, extendEnv: false });
    expect(stdout.split('\n')).toHaveLength(2);
  });

  it('have a near name for an instance that is not there', async () => {
    const ran = await operator.run(['instance', 'logs', 'shop.n1.host-3', '-o', 'json']);
    expect(ran.exitCode).toBe(5);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      hint: expect.stringContaining('did you mean "shop.n1.host-'),
    });
  });

  it('cannot be read from a host that is gone', async () => {
    await lab.host('host-2').kill();
    const ran = await operator.run(['instance', 'logs', replica, '--connect-timeout', '2s', '-o', 'json']);
    expect([ran.exitCode, JSON.parse(ran.stdout)]).toMatchObject([6, { code: 'host_unreachable' }]);
    const refused = await operator.run([
      'db',
      'psql',
      'shop',
      '--instance',
      replica,
      '--connect-timeout',
      '2s',
    ]);
    expect(refused.exitCode).toBe(6);
  });
});
