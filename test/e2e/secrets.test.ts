import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/secret.ts';
import { openStore } from '../../src/store/store.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { addHosts, type Operator, operatorOf, PROGRAM, type Ran } from './pgctl.ts';
import { execa } from 'execa';
import { keyLines, NAMELESS, startTlsEtcd, type TlsEtcd, tlsSettings } from './tls-etcd.ts';
import { watchProcesses, type WatchedProcesses } from './watched-processes.ts';

/** Passwords that must turn up nowhere. */
const CANARY = { etcd: 'canary-etcd-7c2f', first: "canary-'one'-$(id)-8e1a", second: 'canary-"two"-9d3b' };
const UNIT = (host: string): string => `pgctl-shop.n1.${host}.service`;
const DIR = (host: string): string => `/var/lib/pgctl/shop.n1.${host}`;

let lab: Lab;
let etcd: TlsEtcd;
let operator: Operator;
let watched: WatchedProcesses | null = null;
/** What every command of pgctl printed. */
const printed: string[] = [];

const specOf = (password: string, settings: object = { work_mem: '16MB' }): string =>
  JSON.stringify({
    id: 'shop',
    port: 5433,
    nodes: [{ name: 'n1', host_ids: ['host-1', 'host-2'] }],
    database_users: [{ username: 'app', password, db_owner: true, attributes: ['LOGIN'] }],
    postgresql_conf: settings,
  });

async function run(args: readonly string[], input = ''): Promise<Ran> {
  const commandLine = ['node', PROGRAM, ...args];
  const [program = '', ...more] = watched?.traced(commandLine) ?? commandLine;
  const ran = await execa(program, more, { env: operator.env, extendEnv: false, input, reject: false });
  printed.push(ran.stdout, ran.stderr);
  return { exitCode: ran.exitCode ?? -1, stdout: ran.stdout, stderr: ran.stderr };
}

async function ok(args: readonly string[], input?: string): Promise<Ran> {
  const ran = await run(args, input);
  expect([ran.exitCode, ran.exitCode === 0 ? '' : ran.stderr]).toEqual([0, '']);
  return ran;
}

/** The passwords that pgctl made, and what else it sealed, opened with its key. */
async function sealed(): Promise<ReadonlyMap<string, string>> {
  const { PGCTL_CACERT: ca = '', PGCTL_CERT: cert = '', PGCTL_KEY: key = '' } = tlsSettings(etcd.dir);
  const store = openStore({
    endpoints: [etcd.endpoint],
    tls: { ca: await readFile(ca), cert: await readFile(cert), key: await readFile(key) },
    auth: { user: 'root', password: new Secret(CANARY.etcd) },
    prefix: '/pgctl',
    env: operator.env,
  });
  try {
    const secrets = await store.openSecrets(await store.readDatabase('shop'));
    return new Map([...secrets].map(([name, secret]) => [name, secret.reveal()]));
  } finally {
    store.close();
  }
}

/** Which of the texts are in a text; by name, so that a failure does not print them. */
const found = (texts: ReadonlyMap<string, string>, text: string): string[] =>
  [...texts].filter(([, value]) => text.includes(value)).map(([name]) => name);

beforeAll(async () => {
  lab = await startLab({ hosts: 2 });
  const address = new URL(lab.etcd.endpoints[0] ?? '').hostname;
  etcd = await startTlsEtcd(lab.dir, address, CANARY.etcd);
  const passwordFile = join(lab.dir, 'password-of-root');
  await writeFile(passwordFile, `${CANARY.etcd}\n`, { mode: 0o600 });
  operator = await operatorOf([etcd.endpoint], {
    ...tlsSettings(etcd.dir),
    PGCTL_ETCD_USER: 'root',
    PGCTL_ETCD_PASSWORD_FILE: passwordFile,
  });
});
afterAll(async () => {
  await operator?.dispose();
  await etcd?.stop();
  await lab?.stop();
});

describe('an etcd over TLS with a client certificate and users', () => {
  it('is reached from every host, and where a host cannot reach it that is found', async () => {
    await addHosts(operator, lab);
    const checked = await operator.json<{ state: string; findings: readonly string[] }>([
      ...['host', 'check', 'host-1'],
    ]);
    expect(checked).toMatchObject({ state: 'reachable', findings: [] });
    const found = async (name: string): Promise<unknown> => {
      const env = {
        PGCTL_HOST_CERT: join(etcd.dir, `${name}.crt`),
        PGCTL_HOST_KEY: join(etcd.dir, `${name}.key`),
      };
      const created = await operator.run(['db', 'create', 'blog', '--hosts', 'host-1'], { env });
      expect([created.exitCode, created.stderr]).toEqual([6, expect.stringContaining('nothing was changed')]);
      const { stdout } = await operator.run(['host', 'check', 'host-1', '-o', 'json'], { env });
      return JSON.parse(stdout);
    };
    const unusable = (why: string): object => ({
      state: 'unusable',
      findings: [expect.stringContaining(why)],
    });
    expect(await found('stranger')).toMatchObject(unusable('cannot be reached from there'));
    expect(await found('client')).toMatchObject(unusable('CommonName'));
    expect((await operator.run(['db', 'get', 'blog'])).exitCode).toBe(5);
  });
});

describe('a secret', () => {
  let secrets: ReadonlyMap<string, string>;
  let executed: string;

  beforeAll(async () => {
    const sshd = await Promise.all(lab.hosts.map((host) => host.pids(/sshd: .*\[listener\]/)));
    watched = await watchProcesses(lab.dir, sshd.flat());
    try {
      const spec = join(lab.dir, 'shop.json');
      await writeFile(spec, specOf(CANARY.first, {}), { mode: 0o600 });
      await ok(['db', 'create', '-f', spec, '-vv']);
      await ok(['db', 'apply', '-f', '-', '-vv', '-o', 'json'], specOf(CANARY.second));
      // One that Postgres refuses, so that what fails on hosts is told with all that is known of it.
      const failed = await run(
        ['db', 'apply', '-f', '-', '-vv'],
        specOf(CANARY.first, { DateStyle: 'parsec' }),
      );
      expect(failed.exitCode).toBe(1);
      await ok(['db', 'apply', '-f', '-', '-vv', '-o', 'yaml'], specOf(CANARY.second));
      await ok(['db', 'restart', 'shop', '-vv']);
      for (const format of ['text', 'json', 'yaml']) await ok(['db', 'get', 'shop', '-vv', '-o', format]);
      for (const args of [['status'], ['db', 'plan', '-f', spec]]) await ok([...args, '-vv', '-o', 'json']);
      const { stdout } = await ok(['task', 'list', '-o', 'json']);
      const { items } = JSON.parse(stdout) as { items: { task_id: string; state: string }[] };
      const tasks = ['failed', 'completed'].flatMap(
        (state) => items.find((task) => task.state === state) ?? [],
      );
      expect(tasks).toHaveLength(2);
      for (const { task_id } of tasks) {
        await ok(['task', 'logs', task_id, '-vv']);
        await ok(['task', 'get', task_id, '-o', 'json', '-vv']);
      }
    } finally {
      executed = await watched.end();
      watched = null;
    }
    secrets = new Map([
      ...Object.entries(CANARY).map(([name, value]) => [`canary ${name}`, value] as const),
      ...[...(await sealed())].filter(([name]) => !['etcd_tls.cacert', 'etcd_tls.cert'].includes(name)),
      ...(await Promise.all(['client', 'hosts'].map((name) => keyLines(join(etcd.dir, `${name}.key`)))))
        .flat()
        .map((line, n) => [`key line ${n}`, line] as const),
      ['sealing key', (await readFile(join(operator.home, '.config/pgctl/secret.key'), 'utf8')).trim()],
    ]);
  }, 600_000);

  it('is one of those that are looked for', () => {
    expect([...secrets.keys()]).toEqual(
      expect.arrayContaining([
        ...['canary etcd', 'canary first', 'canary second', 'superuser', 'replication', 'restapi'],
        ...['verifier.app', 'etcd.shop.n1.host-1', 'etcd.shop.n1.host-2', 'etcd_tls.key', 'sealing key'],
      ]),
    );
  });

  it('is in no argument list and no environment, neither here nor on a host', () => {
    // The watching sees what it should: programs of pgctl's here, and of its steps there.
    for (const program of [PROGRAM, 'ControlMaster', 'base64', '/usr/lib/postgresql/17/bin/psql'])
      expect([program, executed.includes(program)]).toEqual([program, true]);
    expect(found(secrets, executed)).toEqual([]);
  });

  it('is in nothing that pgctl prints', () => {
    expect(printed.join('\n').length).toBeGreaterThan(10_000);
    expect(found(secrets, printed.join('\n'))).toEqual([]);
  });

  it('is in no value in etcd', async () => {
    const dump = await etcd.dump();
    expect(dump).toContain('/pgctl/v1/secrets/shop/superuser');
    expect(found(secrets, dump)).toEqual([]);
    const encoded = new Map([...secrets].map(([name, value]) => [name, btoa(value).replace(/=+$/, '')]));
    expect(found(encoded, dump)).toEqual([]);
  });

  it.each(['host-1', 'host-2'])(
    'is in no log of %s, and in no file but those of postgres alone',
    async (id) => {
      const host = lab.host(id);
      const journal = await host.run('journalctl --no-pager --output=export | tr -d "\\0"', {
        timeoutMs: 120_000,
      });
      expect(journal.stdout).toContain(UNIT(id));
      expect(found(secrets, journal.stdout)).toEqual([]);
      // Journals are read above, compressed as they are; the rest is looked through as bytes.
      const search = 'grep --recursive --binary-files=text --fixed-strings --files-with-matches --file=-';
      // Line by line: an empty pattern would find every file, and how keys begin is in many.
      const patterns = [...secrets.values()]
        .flatMap((value) => value.split('\n'))
        .filter((line) => line !== '' && !line.startsWith('-----'));
      const places = '/etc /home /root /tmp /opt /run/postgresql /run/pgctl /var /srv';
      const { stdout } = await host.run(
        `{ ${search} ${places} 2>/dev/null || :; } | xargs --no-run-if-empty stat --format='%a %U %n'`,
        { input: patterns.join('\n'), timeoutMs: 120_000 },
      );
      const files = stdout.split('\n').filter((line) => line !== '');
      const ours = ['patroni.yml', 'prepare.json', 'pgpass', 'etcd-key.pem'].map(
        (name) => `${DIR(id)}/${name}`,
      );
      expect(files.filter((line) => !line.startsWith('600 postgres '))).toEqual([]);
      const holding = files.map((line) => line.replace('600 postgres ', ''));
      // The verifiers are in Postgres' own tables and their log.
      const inData = holding.filter((file) => file.startsWith(`${DIR(id)}/data/`));
      expect(holding.filter((file) => !inData.includes(file)).sort()).toEqual(ours.sort());
      const passwords = new Map([...secrets].filter(([name]) => name.startsWith('canary')));
      for (const file of [...ours, ...inData])
        expect(found(passwords, (await host.run(`cat ${file} | tr -d "\\0"`)).stdout)).toEqual([]);
    },
  );

  it('is in nothing that a crash leaves', async () => {
    const crash = "setTimeout(() => { throw new Error('unforeseen'); }, 1500)";
    const { stdout, stderr, exitCode } = await execa(
      'node',
      [
        ...['--report-uncaught-exception', `--report-directory=${lab.dir}`, '--report-filename=report.json'],
        ...['--import', `data:text/javascript,${crash}`, PROGRAM, 'db', 'apply', '-f', '-', '-vv'],
      ],
      { input: specOf(CANARY.first), env: operator.env, extendEnv: false, reject: false },
    );
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('unforeseen')]);
    const report = await readFile(join(lab.dir, 'report.json'), 'utf8');
    expect(report).toContain('PGCTL_ETCD_PASSWORD_FILE');
    expect(found(secrets, `${stdout}${stderr}${report}`)).toEqual([]);
    await ok(['db', 'apply', '-f', '-'], specOf(CANARY.second));
  });
});

describe("Patroni's REST interface", () => {
  const ask = (from: string, path: string, more = ''): Promise<string> =>
    lab
      .host(from)
      .run(
        `python3 - <<'end'\nimport urllib.request as u, urllib.error as e\ntry:\n  print(u.urlopen(u.Request('http://${lab.host('host-1').address}:8008${path}', ${more}), timeout=10).status)\nexcept e.HTTPError as x: print(x.code)\nexcept OSError as x: print(x)\nend`,
      )
      .then(({ stdout }) => stdout.trim());

  it.each([
    ['PATCH', '/config'],
    ['PUT', '/config'],
    ['POST', '/restart'],
    ['POST', '/reload'],
    ['POST', '/reinitialize'],
    ['POST', '/switchover'],
    ['POST', '/failover'],
    ['DELETE', '/restart'],
    ['DELETE', '/switchover'],
  ])('refuses %s %s without its password, and with another', async (method, path) => {
    const wrong = btoa('pgctl:guess');
    for (const from of ['host-1', 'host-2'])
      for (const headers of ['{}', `{'Authorization': 'Basic ${wrong}'}`])
        expect(await ask(from, path, `b'{}', ${headers}, method='${method}'`)).toBe('401');
  });

  it('is bound to the address of its host, and says how the instance is', async () => {
    for (const host of lab.hosts) {
      const { stdout } = await host.run("ss -Hltn 'sport = 8008' | awk '{ print $4 }'");
      expect(stdout.trim().split('\n')).toEqual([`${host.address}:8008`]);
    }
    expect(await ask('host-2', '/health')).toBe('200');
  });
});

describe('certificates', () => {
  it('that are new are delivered, without a restart of Postgres', async () => {
    const started = (host: string): Promise<string> =>
      lab
        .host(host)
        .run("psql -XAtq -p 5433 -d shop -c 'select pg_postmaster_start_time()'", { user: 'postgres' })
        .then(({ stdout }) => stdout.trim());
    const before = await started('host-1');
    await etcd.issue('hosts', NAMELESS);
    await ok(['db', 'apply', '-f', '-'], specOf(CANARY.second));
    for (const id of ['host-1', 'host-2'])
      for (const [file, name] of [
        ['etcd-key.pem', 'hosts.key'],
        ['etcd-cert.pem', 'hosts.crt'],
        ['etcd-ca.pem', 'ca.crt'],
      ] as const)
        expect((await lab.host(id).run(`cat ${DIR(id)}/${file}`)).stdout.trim()).toBe(
          (await readFile(join(etcd.dir, name), 'utf8')).trim(),
        );
    expect(await started('host-1')).toBe(before);
    const again = await ok(['db', 'apply', '-f', '-', '-o', 'json'], specOf(CANARY.second));
    expect(JSON.parse(again.stdout)).toMatchObject({ changed: false });
  });

  it('are what the guard asks with when the host boots', async () => {
    await lab.host('host-2').reboot();
    const states = async (): Promise<string[]> => {
      const { instances } = await operator.json<{ instances: { state: string }[] }>(['db', 'get', 'shop']);
      return instances.map(({ state }) => state);
    };
    await expect.poll(states, { timeout: 60_000, interval: 1_000 }).toEqual(['available', 'available']);
    await ok(['db', 'delete', 'shop', '--yes', '-vv']);
    expect(await etcd.etcdctl('get', '--keys-only', '--prefix', '/pgctl/v1/secrets/')).toBe('');
    expect(await etcd.etcdctl('user', 'list')).toBe('root');
  });

  it('of hosts need the CA: without it nothing is created', async () => {
    const plain = await operatorOf(lab.etcd.endpoints);
    try {
      const [host] = lab.hosts;
      if (host === undefined) throw new Error('no host');
      await plain.json([
        ...['host', 'add', host.id, '--address', host.address, '--user', 'root'],
        ...['--identity-file', lab.identityFile, '--accept-host-key', '--host-endpoints', etcd.endpoint],
      ]);
      const created = await plain.run(['db', 'create', 'blog', '--hosts', host.id]);
      expect([created.exitCode, created.stderr]).toEqual([64, expect.stringContaining('--cacert')]);
      expect((await plain.run(['db', 'get', 'blog'])).exitCode).toBe(5);
    } finally {
      await plain.dispose();
    }
  });
});
