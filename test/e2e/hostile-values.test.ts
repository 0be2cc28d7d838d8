import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patroniYaml } from '../../src/resources/patroni-config.ts';
import { quoteHbaName, quoteUnitWord } from '../../src/steps/quote.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { type Operator, operatorOf } from './pgctl.ts';

/** One line each, and not empty: what a name, a password or a value of a parameter may be. */
const HOSTILE: readonly string[] = [
  "it's",
  "'; drop table x; --",
  '"double" ""',
  '$(reboot)',
  '`reboot`',
  '$HOME ${HOME} $$ $1',
  'a\\b\\',
  "\\'",
  '-oProxyCommand=x',
  '--',
  '*',
  '~',
  '#comment',
  'a;b|c&d>e<f',
  '%s %n %% %H',
  '!history !!',
  'größe — 数据 🐘',
  '$pgctl$',
  ':x :\'x\' :"x"',
  '{{ x }} [1] {a: b}',
  'yes',
  'null',
  '0x10',
  ' led and trailed ',
  '@file',
  '+all',
  '../..',
];

let lab: Lab;
let operator: Operator;

const PORT = 5433;
const DATABASE = `it's "the" $(shop) \\ ; drop`;
const users = HOSTILE.map((name, n) => ({
  username: name,
  password: HOSTILE[(n + 1) % HOSTILE.length] ?? '',
  attributes: ['LOGIN'],
  db_owner: n === 0,
}));
const parameters = Object.fromEntries(HOSTILE.map((value, n) => [`my_ext.v${n}`, value]));
const hbaNames = HOSTILE.map(quoteHbaName);

/** What a statement prints, a value a row. */
async function rows(sql: string): Promise<string[]> {
  const { stdout, stderr, exitCode } = await lab
    .host('host-1')
    .run(`psql -XAtq -v ON_ERROR_STOP=1 -p ${PORT} -d postgres -f -`, {
      user: 'postgres',
      input: `select to_json(x) from (${sql}) as y(x);`,
    });
  if (exitCode !== 0) throw new Error(stderr);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as string);
}

beforeAll(async () => {
  lab = await startLab({ hosts: 1 });
  operator = await operatorOf(lab.etcd.endpoints);
  // Everything goes through a login shell that quotes like no other.
  await operator.json([
    ...['host', 'add', 'host-1', '--address', lab.host('host-1').address, '--user', 'cshuser'],
    ...['--identity-file', lab.identityFile, '--accept-host-key'],
  ]);
});
afterAll(async () => {
  await operator?.dispose();
  await lab?.stop();
});

describe('a database of hostile names, passwords and values', () => {
  it('is made as it was written', async () => {
    const spec = {
      ...{ id: 'shop', port: PORT, database_name: DATABASE },
      nodes: [{ name: 'n1', host_ids: ['host-1'] }],
      database_users: users,
      postgresql_conf: {
        ...parameters,
        log_line_prefix: "%m 'it''s' \\ \"x\" $(id) ",
        search_path: '"$user", "it\'s"',
      },
      pg_hba_conf: hbaNames.map((name) => `host ${name} ${name} 10.99.0.0/16 scram-sha-256`),
      pg_ident_conf: hbaNames.map((name) => `admins ${name} ${name}`),
    };
    for (const args of [['create'], ['apply']]) {
      const ran = await operator.run(['db', ...args, '-f', '-', '-o', 'json'], {
        input: JSON.stringify(spec),
      });
      expect([ran.exitCode, ran.exitCode === 0 ? '' : ran.stdout]).toEqual([0, '']);
      expect(JSON.parse(ran.stdout)).toMatchObject({ changed: args[0] === 'create' });
    }
    const { spec: kept } = await operator.json<{ spec: object }>(['db', 'get', 'shop']);
    const without = users.map(({ password: _, db_owner, ...user }) =>
      db_owner ? { ...user, db_owner } : user,
    );
    expect(kept).toEqual({ ...spec, database_users: without });
  });

  it('has its database, owned by whom it says', async () => {
    expect(await rows('select datname from pg_database where datname !~ $$^(postgres|template.)$$')).toEqual([
      DATABASE,
    ]);
    expect(await rows(`select datdba::regrole::oid::int from pg_database where datname like 'it%'`)).toEqual(
      await rows(`select oid::int from pg_roles where rolname = $q$${HOSTILE[0] ?? ''}$q$`),
    );
  });

  it('has its users, each of whom gets in with the password of the spec', async () => {
    const names = await rows(
      "select rolname from pg_roles where rolname !~ '^(pg_|postgres|replicator|pgctl)'",
    );
    expect(names.sort()).toEqual([...HOSTILE].sort());
    // psql's own quoting is not what is looked at: names and passwords go by libpq's variables.
    const program = [
      'import json, os, subprocess, sys',
      'for user, password, database in json.load(sys.stdin):',
      '    env = {**os.environ, "PGUSER": user, "PGPASSWORD": password, "PGDATABASE": database}',
      `    run = subprocess.run(["psql", "-XAtq", "-h", "127.0.0.1", "-p", "${PORT}", "-c", "select to_json(current_user::text)"], env=env, capture_output=True, text=True)`,
      '    print(json.dumps([run.stdout.strip(), run.stderr.strip()]))',
    ].join('\n');
    const logins = (passwordOf: (user: (typeof users)[number]) => string): Promise<string[]> =>
      lab
        .host('host-1')
        .run(`LC_ALL=C.UTF-8 python3 -c '${program}'`, {
          input: JSON.stringify(users.map((user) => [user.username, passwordOf(user), 'postgres'])),
        })
        .then(({ stdout }) => stdout.trim().split('\n'));
    const outcomes = await logins(({ password }) => password);
    expect(outcomes.map((line) => JSON.parse(line) as unknown)).toEqual(
      HOSTILE.map((name) => [JSON.stringify(name), '']),
    );
    for (const line of await logins(({ password }) => `${password}x`))
      expect(line).toContain('password authentication failed');
  });

  it('has its parameters', async () => {
    for (const [name, value] of Object.entries(parameters))
      expect([name, await rows(`select current_setting('${name}')`)]).toEqual([name, [value]]);
    expect(await rows("select current_setting('log_line_prefix')")).toEqual([`%m 'it''s' \\ "x" $(id) `]);
  });

  it('has its lines of pg_hba.conf and pg_ident.conf, in which a quoted name is a name', async () => {
    expect(await rows('select error from pg_hba_file_rules where error is not null')).toEqual([]);
    const ours = "from pg_hba_file_rules where address = '10.99.0.0' order by line_number";
    for (const column of ['user_name', 'database']) {
      // The view puts quotes around some words and not around others, so those with quotes are left out.
      const plain = (name: string): boolean => !name.includes('"');
      const shown = await rows(`select ${column}[1] ${ours}`);
      expect(shown).toHaveLength(HOSTILE.length);
      expect(shown.map((name) => name.replace(/^"([^"]*)"$/, '$1')).filter(plain)).toEqual(
        HOSTILE.filter(plain),
      );
    }
    expect(await rows('select error from pg_ident_file_mappings where error is not null')).toEqual([]);
    const mapped = await rows(
      "select sys_name from pg_ident_file_mappings where map_name = 'admins' order by line_number",
    );
    expect(mapped).toEqual(HOSTILE);
  });

  it('goes, and leaves nothing', async () => {
    await operator.json(['db', 'delete', 'shop', '--yes']);
    const { stdout } = await lab.host('host-1').run('ls -A /var/lib/pgctl | grep -v "^.fence$" || :');
    expect(stdout.trim()).toBe('');
  });
});

describe('the programs of a host', () => {
  it('systemd takes a quoted word of a unit for what it is', async () => {
    const words = [...HOSTILE, '', ' ', '\u0001', '\t'];
    const unit = [
      ...['[Service]', 'Type=oneshot', 'StandardOutput=truncate:/tmp/words'],
      `ExecStart=/usr/bin/printf %%s\\\\0 ${words.map(quoteUnitWord).join(' ')}`,
      '',
    ].join('\n');
    const host = lab.host('host-1');
    await host.run('cat > /run/systemd/system/words.service && systemctl daemon-reload', { input: unit });
    const started = await host.run('systemctl start words.service; journalctl -u words.service -o cat');
    expect([started.exitCode, started.stdout.includes('Failed')]).toEqual([0, false]);
    const { stdout } = await host.run('base64 -w0 /tmp/words');
    expect(Buffer.from(stdout, 'base64').toString('utf8').split('\0').slice(0, -1)).toEqual(words);
  });

  it("Patroni's Python reads the YAML that pgctl writes", async () => {
    const values = [
      ...HOSTILE,
      '',
      '~',
      'on',
      'No',
      '1e3',
      '0o17',
      '1_000',
      '12:30:45',
      '=',
      '2026-01-01',
      ...['\u0085', '\u007f\u0001', '\ufeffx', 'a\u2028b', '\uffff', '<<', '? x', '%x', '- y'],
    ];
    const document = {
      values,
      keyed: Object.fromEntries(HOSTILE.map((value, n) => [`my_ext.v${n}`, value])),
    };
    const { stdout, stderr } = await lab
      .host('host-1')
      .run('python3 -c "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))"', {
        input: patroniYaml(document),
      });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual(document);
  });
});
