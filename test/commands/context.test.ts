import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { emptyHome, type Outcome, pgctl } from './run.ts';

const CONFIG = `# the clusters of this office
current: lab # until Friday
contexts:
  # with care
  prod:
    endpoints: [http://10.0.0.5:2379, http://10.0.0.6:2379]
    etcd_user: pgctl
    etcd_password_file: /etc/pgctl/password
  lab: {endpoints: http://127.0.0.1:12379, prefix: /lab, parallel: 3}
  careless: {endpoints: 'http://me:canary-7f3e@etcd:2379'}
  broken: {password: canary-7f3e}
`;

let home: string;
let remove: () => void;
let file: string;

function write(text: string): void {
  mkdirSync(join(home, '.config', 'pgctl'), { recursive: true });
  writeFileSync(file, text);
}
/** Output without the home that is another each time. */
async function run(argv: string, more: Record<string, string> = {}): Promise<Outcome> {
  const { code, stdout, stderr } = await pgctl(argv.split(' '), { env: { HOME: home, ...more } });
  const plain = (text: string): string => text.replaceAll(home, '~').replace(/ +$/gm, '');
  return { code, stdout: plain(stdout), stderr: plain(stderr) };
}
interface Shown {
  readonly name: string | null;
  readonly current: boolean;
  readonly settings: readonly { readonly name: string; readonly value: string; readonly from: string }[];
}
const setting = async (name: string, argv: string, more?: Record<string, string>): Promise<unknown> => {
  const { settings } = JSON.parse((await run(`${argv} -o json`, more)).stdout) as Shown;
  const { value, from } = settings.find((one) => one.name === name) ?? { value: '', from: '' };
  return [value, from];
};

beforeEach(() => {
  ({ home, remove } = emptyHome());
  file = join(home, '.config', 'pgctl', 'config.yaml');
});
afterEach(() => remove());

describe('context list', () => {
  it('shows every context, which one is in use, and no password', async () => {
    write(CONFIG);
    expect((await run('context list')).stdout).toMatchInlineSnapshot(`
      "   CONTEXT   ENDPOINTS                                  PREFIX  USER   PROBLEM
         prod      http://10.0.0.5:2379,http://10.0.0.6:2379          pgctl
      *  lab       http://127.0.0.1:12379                     /lab
         careless  http://…@etcd:2379
         broken    -                                                         context broken in ~/.config/pgctl/config.yaml has an unknown setting password
      "
    `);
    expect(JSON.stringify(await run('context list -o json'))).not.toContain('canary');
  });

  it('says so where there is none', async () => {
    const { code, stdout } = await run('context list');
    expect([code, stdout]).toEqual([
      0,
      'No contexts in ~/.config/pgctl/config.yaml. `pgctl help environment` says what it looks like.\n',
    ]);
  });

  it('lists also where the one in use is not there, and says that', async () => {
    write(CONFIG);
    const { code, stderr } = await run('context list', { PGCTL_CONTEXT: 'prd' });
    expect([code, stderr]).toEqual([0, expect.stringContaining('there is no context prd')]);
  });
});

describe('context show', () => {
  it('shows every setting and where it comes from', async () => {
    write(CONFIG);
    expect(
      (
        await run('--lock-timeout 5s context show', {
          PGCTL_PREFIX: '/mine',
          PGCTL_SSH: 'dbssh',
          PGCTL_SECRET_KEY_FILE: '/etc/pgctl/key',
        })
      ).stdout,
    ).toMatchInlineSnapshot(`
      "Context lab
        file    ~/.config/pgctl/config.yaml
        in use  by its \`current\`

      SETTING             VALUE                   FROM
      endpoints           http://127.0.0.1:12379  context lab
      cacert              -                       default
      cert                -                       default
      key                 -                       default
      host_cert           pgctl's own             default
      host_key            -                       default
      etcd_user           -                       default
      etcd_password_file  -                       default
      prefix              /mine                   PGCTL_PREFIX
      output              text                    default
      events              -                       default
      color               auto                    default
      parallel            3                       context lab
      timeout             none                    default
      connect_timeout     10s                     default
      lock_timeout        5s                      --lock-timeout
      ssh                 dbssh                   PGCTL_SSH
      secret_key_file     /etc/pgctl/key          PGCTL_SECRET_KEY_FILE
      "
    `);
  });

  it('puts the flag before the environment before the context before the default', async () => {
    write(CONFIG);
    const env = { PGCTL_PREFIX: '/env' };
    expect(await setting('prefix', '--prefix /flag context show', env)).toEqual(['/flag', '--prefix']);
    expect(await setting('prefix', 'context show', env)).toEqual(['/env', 'PGCTL_PREFIX']);
    expect(await setting('prefix', 'context show')).toEqual(['/lab', 'context lab']);
    expect(await setting('prefix', 'context show prod')).toEqual(['/pgctl', null]);
    expect(await setting('prefix', '--context prod context show')).toEqual(['/pgctl', null]);
  });

  it('knows the etcd of `local up`', async () => {
    mkdirSync(join(home, '.local', 'state', 'pgctl', 'local'), { recursive: true });
    writeFileSync(
      join(home, '.local', 'state', 'pgctl', 'local', 'etcd.json'),
      '{"endpoint":"http://127.0.0.1:23790"}',
    );
    expect(await setting('endpoints', 'context show')).toEqual(['http://127.0.0.1:23790', 'pgctl local up']);
  });

  it.each([
    ['one that is not there', 'context show prd', 'did you mean "prod"?'],
    ['one with a setting that is none', 'context show broken', 'unknown setting password'],
  ])('refuses %s, without a password', async (_title, argv, said) => {
    write(CONFIG);
    const { code, stdout, stderr } = await run(argv);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain(said);
    expect(stderr).not.toContain('canary');
  });
});

describe('context use', () => {
  it('writes the name and keeps everything else, for nobody else to read', async () => {
    write(CONFIG);
    chmodSync(file, 0o644);
    const { code, stdout } = await run('context use prod -o json');
    expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ name: 'prod', current: true })]);
    expect(readFileSync(file, 'utf8')).toBe(CONFIG.replace('current: lab', 'current: prod'));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(home, '.config', 'pgctl'))).toEqual(['config.yaml']);
    expect(await setting('prefix', 'context show')).toEqual(['/pgctl', null]);
  });

  it('adds the name where the file had none', async () => {
    write('contexts:\n  lab: {endpoints: x:1}\n');
    expect((await run('context use lab')).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe('contexts:\n  lab: {endpoints: x:1}\ncurrent: lab\n');
  });

  it('follows a link instead of replacing it', async () => {
    write(CONFIG);
    const link = join(home, 'elsewhere', 'pgctl');
    mkdirSync(link, { recursive: true });
    symlinkSync(file, join(link, 'config.yaml'));
    expect((await run('context use prod', { XDG_CONFIG_HOME: join(home, 'elsewhere') })).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toContain('current: prod');
  });

  it('says when the environment still says otherwise', async () => {
    write(CONFIG);
    const { stderr } = await run('context use prod', { PGCTL_CONTEXT: 'lab' });
    expect(stderr).toContain('PGCTL_CONTEXT still says lab');
  });

  it('touches nothing for a context that is not there', async () => {
    write(CONFIG);
    expect(await run('context use prd')).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('did you mean "prod"?'),
    });
    expect(readFileSync(file, 'utf8')).toBe(CONFIG);
  });
});

describe('a file of contexts that is wrong', () => {
  it.each<[title: string, text: string, said: string]>([
    ['is no YAML', 'contexts: {a: [canary\n', ':2:1: this is not YAML'],
    ['is a list', '- canary\n', 'is not a file of contexts'],
    ['has a list of contexts', 'contexts: [canary]\n', 'is not a file of contexts'],
    ['has settings that are none', 'current: a\ncontexts: {a: canary}\n', 'is not a map of settings'],
    ['has a map for a value', 'current: a\ncontexts: {a: {prefix: {b: canary}}}\n', 'prefix of context a'],
    ['names a context that is none', 'current: a\ncontexts: {b: {}}\n', 'there is no context a'],
    [
      'names what every object has',
      'current: constructor\ncontexts: {b: {}}\n',
      'there is no context constructor',
    ],
  ])('%s: what needs etcd is refused, what needs none goes on', async (_title, text, said) => {
    write(text);
    const { code, stderr } = await run('db list');
    expect([code, stderr]).toEqual([64, expect.stringContaining(said)]);
    expect(stderr).not.toContain('canary');
    expect((await run('spec schema')).code).toBe(0);
  });
});
