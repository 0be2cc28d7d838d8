import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { COMMANDS, everyCommand } from '../../commands/registry.ts';
import { parseEndpoints } from '../../commands/shared/connection.ts';
import { cacheDir, configDir, stateDir } from '../../commands/shared/paths.ts';
import { VERSION } from '../../src/version.ts';
import { emptyHome, pgctl } from './run.ts';

const { home, remove } = emptyHome();
afterAll(remove);
const env = { HOME: home };

describe('the version', () => {
  it('is that of package.json', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(VERSION).toBe(version);
  });

  it.each(['--version', '-V'])('is what %s prints', async (flag) => {
    expect(await pgctl([flag], { env })).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: '' });
  });
});

describe('help', () => {
  it('names every command group', async () => {
    const { code, stdout, stderr } = await pgctl(['--help'], { env });
    expect([code, stderr]).toEqual([0, '']);
    for (const noun of Object.keys(COMMANDS)) expect(stdout).toMatch(new RegExp(`^  ${noun}\\b`, 'm'));
  });

  it.each(everyCommand().map(({ words }): [string] => [words.join(' ')]))(
    'of %s goes to stdout, with an example of it',
    async (words) => {
      const { code, stdout, stderr } = await pgctl([...words.split(' '), '--help'], { env });
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toContain(`Usage: pgctl ${words} `);
      expect(stdout).toMatch(new RegExp(`^  pgctl ${words}`, 'm'));
    },
  );
});

/** Command lines that are wrong, with what is said of them. */
const WRONG: readonly [title: string, argv: string[], said: string][] = [
  ['no command', [], 'no command is given'],
  ['no verb', ['db'], 'no command is given'],
  ['an unknown noun', ['dbs', 'list'], "unknown command 'dbs'"],
  ['an unknown verb', ['db', 'creat'], "unknown command 'creat'"],
  ['a verb after a command of one word', ['status', 'list'], 'too many arguments'],
  ['an unknown global option', ['--colour', 'always', 'db', 'list'], "unknown option '--colour'"],
  ['an unknown option', ['spec', 'schema', '--pretty'], "unknown option '--pretty'"],
  ['a missing argument', ['spec', 'validate'], "missing required argument 'file'"],
  ['too many arguments', ['spec', 'schema', 'x'], 'too many arguments'],
  [
    'an option without its value',
    ['db', 'list', '--endpoints'],
    "option '--endpoints <urls>' argument missing",
  ],
  [
    'a parallelism of none',
    ['--parallel', '0', 'db', 'list'],
    '--parallel: not a whole number from 1 to 1000',
  ],
  ['a duration that is none', ['--timeout', 'soon', 'db', 'list'], '--timeout'],
  ['a colour mode that is none', ['--color', 'blue', 'db', 'list'], '--color'],
  ['no etcd', ['db', 'list'], 'no etcd is known'],
  ['an endpoint that is none', ['--endpoints', 'ftp://x', 'db', 'list'], 'not an etcd endpoint: ftp://x'],
  ['a context that is not there', ['--context', 'prod', 'db', 'list'], 'there is no context prod'],
  [
    'a CA file that cannot be read',
    ['--endpoints', 'https://etcd:2379', '--cacert', '/nowhere/ca.pem', 'db', 'list'],
    'the CA file /nowhere/ca.pem cannot be read (ENOENT)',
  ],
  [
    'a user without a password',
    ['--endpoints', 'x:1', '--etcd-user', 'me', 'db', 'list'],
    '--etcd-user and --etcd-password-file go together',
  ],
  ['a spec and an id at once', ['db', 'create', 'shop', '-f', 'x.yaml'], 'exclude each other'],
  ['neither a spec nor hosts', ['db', 'create', 'shop'], 'nothing says what the database is to be'],
];

describe('a wrong command line ends with 64', () => {
  it.each(WRONG)('%s', async (_title, argv, said) => {
    const { code, stdout, stderr } = await pgctl(argv, { env });
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain(said);
  });

  it.each(WRONG)('and with one JSON document under -o json: %s', async (_title, argv, said) => {
    const { code, stdout, stderr } = await pgctl(['-o', 'json', ...argv], { env });
    expect([code, stderr]).toEqual([64, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'Error',
      code: 'usage',
      message: expect.stringContaining(said),
      retriable: false,
    });
  });

  it.each<[argv: string[], suggestion: string]>([
    [['dbs', 'list'], 'Did you mean db?'],
    [['db', 'creat'], 'Did you mean create?'],
    [['spec', 'schema', '--verbos'], 'Did you mean --verbose?'],
  ])('and suggests what was meant by %j', async (argv, suggestion) => {
    const { stdout } = await pgctl(['-o', 'json', ...argv], { env });
    expect(JSON.parse(stdout)).toMatchObject({ hint: suggestion });
  });

  it('in YAML as well', async () => {
    const { code, stdout } = await pgctl(['db', 'list', '-o', 'yaml'], { env });
    expect([code, parse(stdout)]).toEqual([64, expect.objectContaining({ kind: 'Error', code: 'usage' })]);
  });

  it('in the format that the environment names', async () => {
    const { stdout } = await pgctl(['db', 'list'], { env: { ...env, PGCTL_OUTPUT: 'json' } });
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'Error' });
  });

  it('as text where the format itself is wrong', async () => {
    const { code, stdout, stderr } = await pgctl(['db', 'list', '-o', 'xml'], { env });
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain('--output');
  });
});

it('an empty HOME is none: nothing is looked for where one happens to be', () => {
  for (const directory of [configDir({ HOME: '' }), stateDir({ HOME: '' }), cacheDir({ HOME: '' })])
    expect(directory).toMatch(/^\//);
});

describe('endpoints', () => {
  it.each<[given: string, endpoints: string[]]>([
    ['http://10.0.0.1:2379', ['http://10.0.0.1:2379']],
    ['10.0.0.1:2379, etcd-2:12379,', ['http://10.0.0.1:2379', 'http://etcd-2:12379']],
    ['https://etcd', ['https://etcd:2379']],
    ['http://[fd00::1]:2379/', ['http://[fd00::1]:2379']],
    ['https://etcd:443', ['https://etcd:443']],
    ['http://etcd:80', ['http://etcd:80']],
  ])('%s', (given, endpoints) => {
    expect(parseEndpoints(given)).toEqual(endpoints);
  });

  it.each(['http://', 'file:///etc/passwd', 'http://a:99999', 'http://a/b'])('%s is none', (given) => {
    expect(() => parseEndpoints(given)).toThrow(`not an etcd endpoint: ${given}`);
  });

  it('that hold a password are not repeated', () => {
    expect(() => parseEndpoints('http://me:canary@etcd:2379')).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.not.stringContaining('canary') }),
    );
  });

  it('come from the flag before the environment before the context', async () => {
    const config = join(home, 'contexts', 'pgctl');
    mkdirSync(config, { recursive: true });
    writeFileSync(
      join(config, 'config.yaml'),
      'current: lab\ncontexts:\n  lab: {endpoints: [ftp://context]}\n  other: {endpoints: ftp://other}\n',
    );
    const said = async (argv: string[], more: Record<string, string> = {}): Promise<string> =>
      (
        await pgctl(['db', 'list', ...argv], {
          env: { ...env, XDG_CONFIG_HOME: join(home, 'contexts'), ...more },
        })
      ).stderr;
    expect(await said([])).toContain('ftp://context');
    expect(await said(['--context', 'other'])).toContain('ftp://other');
    expect(await said([], { PGCTL_CONTEXT: 'other' })).toContain('ftp://other');
    expect(await said([], { PGCTL_ENDPOINTS: 'ftp://env' })).toContain('ftp://env');
    expect(await said(['--endpoints', 'ftp://flag'], { PGCTL_ENDPOINTS: 'ftp://env' })).toContain(
      'ftp://flag',
    );
    expect(await said(['--context', 'third'])).toContain('there is no context third');
  });
});
