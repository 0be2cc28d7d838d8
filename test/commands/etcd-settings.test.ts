import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyHome, type Outcome, pgctl } from './run.ts';

const { home, remove } = emptyHome();
afterAll(remove);

function fileOf(name: string, content: string, mode = 0o600): string {
  const file = join(home, name);
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

const CANARY = 'canary-5b1d';
/** The endpoint is looked at last: what is refused for it has passed all other checks. */
const NOWHERE = 'http://nowhere/at-all';
const PASSED = 'not an etcd endpoint';

const list = (args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> =>
  pgctl(['db', 'list', ...args, '-vv'], { env: { HOME: home, PGCTL_ENDPOINTS: NOWHERE, ...env } });

async function expectRefused(args: readonly string[], said: string): Promise<void> {
  const { code, stdout, stderr } = await list(args);
  expect([code, stdout]).toEqual([64, '']);
  expect(stderr).toContain(said);
  expect(stderr).not.toContain('unexpectedly');
  expect(stderr).not.toContain(CANARY);
}

beforeAll(() => {
  const make = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  for (const name of ['one', 'other'])
    execFileSync(
      'openssl',
      [...make, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.crt`],
      { cwd: home, stdio: 'ignore' },
    );
});

describe('the password of the etcd user', () => {
  const withFile = (file: string): string[] => ['--etcd-user', 'ann', '--etcd-password-file', file];

  it.each<[title: string, content: string, said: string]>([
    ['is empty', '', 'is empty'],
    ['is a line end only', '\n', 'is empty'],
    ['has two lines', `${CANARY}\nmore\n`, 'holds more than one line'],
    ['holds NUL', `${CANARY}\0\n`, 'holds more than one line'],
    ['is huge', CANARY.repeat(200_000), 'has more than'],
  ])('is refused where its file %s', (_title, content, said) =>
    expectRefused(withFile(fileOf('password', content)), said),
  );

  it.each([
    ['is not there', 'nothing', 'ENOENT'],
    ['is a directory', '.', 'EISDIR'],
  ])('is refused where its file %s', (_title, name, said) => expectRefused(withFile(join(home, name)), said));

  it('needs a user, and the user it', async () => {
    await expectRefused(['--etcd-user', 'ann'], 'go together');
    await expectRefused(withFile(fileOf('password', CANARY)).slice(2), 'go together');
  });

  it('is taken with its line end, and it is said where everybody can read it', async () => {
    for (const [mode, warned] of [
      [0o600, false],
      [0o640, false],
      [0o644, true],
    ] as const) {
      const { code, stderr } = await list(withFile(fileOf('password', `${CANARY}\r\n`, mode)));
      expect([code, stderr.includes('can be read by everybody')]).toEqual([64, warned]);
      expect(stderr).toContain(PASSED);
      expect(stderr).not.toContain(CANARY);
    }
  });
});

describe('the files of TLS', () => {
  const file = (name: string): string => join(home, name);

  it.each<[title: string, args: () => readonly string[], said: string]>([
    [
      'a CA that is none',
      () => ['--cacert', fileOf('ca', CANARY)],
      '--cacert: the file is not a certificate',
    ],
    ['a certificate alone', () => ['--cert', file('one.crt')], '--cert and --key go together'],
    ['a key alone', () => ['--key', file('one.key')], '--cert and --key go together'],
    [
      "another's key",
      () => ['--cert', file('one.crt'), '--key', file('other.key')],
      'not the private key of',
    ],
    [
      'a key that is none',
      () => ['--cert', file('one.crt'), '--key', fileOf('k', CANARY)],
      'not the private key',
    ],
    [
      'a key as the certificate',
      () => ['--cert', file('one.key'), '--key', file('one.key')],
      '--cert: the file',
    ],
    ['no key for hosts', () => ['--host-cert', file('one.crt')], '--host-cert and --host-key go together'],
  ])('are refused with %s', (_title, args, said) => expectRefused(args(), said));
});

describe('config.yaml', () => {
  const configured = (content: string, more: readonly string[] = []): Promise<Outcome> => {
    mkdirSync(join(home, '.config', 'pgctl'), { recursive: true });
    fileOf('.config/pgctl/config.yaml', content);
    return pgctl(['db', 'list', '-vv', ...more], { env: { HOME: home } });
  };
  afterAll(() => {
    fileOf('.config/pgctl/config.yaml', '');
  });

  it.each<[title: string, content: string, said: string]>([
    ['is no YAML', `contexts: {prod: [${CANARY}\n`, 'config.yaml:2:1: this is not YAML'],
    ['has no such context', 'contexts: {test: {}}\ncurrent: prod', 'no context prod'],
    ['has a context that is no map', 'contexts: {prod: x}\ncurrent: prod', 'is not a map'],
    ['has contexts that are no map', 'contexts: [prod]\ncurrent: prod', 'is not a file of contexts'],
    ['names what every map has', 'contexts: {prod: {}}\ncurrent: constructor', 'no context constructor'],
    ['has a setting without a value', 'contexts: {prod: {endpoints: }}\ncurrent: prod', 'no etcd is known'],
    ['is a list', '- a', 'is not a file of contexts'],
  ])('that %s is told', async (_title, content, said) => {
    const { code, stdout, stderr } = await configured(content);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain(said);
    expect(stderr).not.toMatch(new RegExp(`unexpectedly|${CANARY}`));
  });

  it('says where files and endpoints are', async () => {
    const { code, stderr } = await configured(
      `contexts: {prod: {endpoints: ["${NOWHERE}"], etcd_user: ann, etcd_password_file: ${fileOf('password', CANARY)}}}`,
      ['--context', 'prod'],
    );
    expect([code, stderr]).toEqual([64, expect.stringContaining(`${PASSED}: ${NOWHERE}`)]);
  });
});

it('a file of the local etcd that was cut short is told', async () => {
  mkdirSync(join(home, '.local/state/pgctl/local'), { recursive: true });
  fileOf('.local/state/pgctl/local/etcd.json', '{"endp');
  const { code, stderr } = await pgctl(['db', 'list'], { env: { HOME: home } });
  expect([code, stderr]).toEqual([64, expect.stringContaining('cut short')]);
});
