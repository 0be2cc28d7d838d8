import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PlanDocument } from '../../src/plan/summary.ts';
import { parameterNameProblem } from '../../src/spec/parameters.ts';
import { needsRestart } from '../../src/spec/restarts.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { addHosts, type Operator, operatorOf } from './pgctl.ts';
import { startWriter, type Writer } from './writer.ts';

interface InstanceDocument {
  readonly instance_id: string;
  readonly host_id: string;
  readonly state: string;
  readonly role: string | null;
  readonly pending_restart: boolean;
}
interface DatabaseDocument {
  readonly state: string;
  readonly instances: readonly InstanceDocument[];
}
interface TaskResult {
  readonly changed: boolean;
  readonly database: DatabaseDocument;
}

let lab: Lab;
let operator: Operator;
let specFile: string;
let writer: Writer;

interface Wanted {
  readonly hosts: readonly string[];
  readonly parameters?: Readonly<Record<string, string | number>>;
  readonly users?: readonly object[];
  readonly port?: number;
}

const APP = { username: 'app', password: 'app-secret', db_owner: true, attributes: ['LOGIN'] };

/** Writes the spec that is wanted now. */
async function want({ hosts, parameters = {}, users = [], port = 5433 }: Wanted): Promise<void> {
  const network = `${lab.host('host-1').address.split('.').slice(0, 3).join('.')}.0/24`;
  await writeFile(
    specFile,
    JSON.stringify({
      id: 'shop',
      postgres_version: '17',
      port,
      nodes: [{ name: 'n1', host_ids: hosts }],
      database_users: [APP, ...users],
      postgresql_conf: parameters,
      pg_hba_conf: [`host all app ${network} scram-sha-256`],
    }),
  );
}

async function sql(host: string, statement: string, port = 5433): Promise<string> {
  const ran = await lab
    .host(host)
    .run(`psql -XAtq -p ${port} -d shop`, { user: 'postgres', input: statement });
  if (ran.exitCode !== 0) throw new Error(`${host}: ${ran.stderr}`);
  return ran.stdout.trim();
}

/** Applies the spec, which has to change something, and checks all that has to hold afterwards. */
async function apply(): Promise<DatabaseDocument> {
  const result = await operator.json<TaskResult>(['db', 'apply', '-f', specFile]);
  expect(result.changed).toBe(true);
  return settled();
}

/** The same spec plans nothing, no restart is pending, the records say what is on the hosts, no row is lost. */
async function settled(): Promise<DatabaseDocument> {
  const plan = await operator.json<{ plans: unknown[] }>(['db', 'plan', '-f', specFile]);
  expect(plan.plans).toEqual([]);
  const database = await operator.json<DatabaseDocument>(['db', 'get', 'shop']);
  expect(database.state).toBe('available');
  for (const { host_id, state } of database.instances) {
    const active = await lab.host(host_id).run(`systemctl is-active pgctl-shop.n1.${host_id}.service`);
    expect([host_id, active.stdout.trim()]).toEqual([host_id, state === 'stopped' ? 'inactive' : 'active']);
    if (state === 'stopped') continue;
    expect(await sql(host_id, 'select count(*) from pg_settings where pending_restart')).toBe('0');
  }
  const primary = database.instances.find(({ role }) => role === 'primary')?.host_id ?? '';
  if (writer !== undefined) {
    const acknowledged = [...writer.acknowledged];
    const there = new Set((await sql(primary, 'select id from acknowledged')).split('\n').map(Number));
    expect(acknowledged.filter((id) => !there.has(id))).toEqual([]);
  }
  return database;
}

const rolesOf = (database: DatabaseDocument): Record<string, string | null> =>
  Object.fromEntries(database.instances.map(({ host_id, role }) => [host_id, role]));
const primaryOf = (database: DatabaseDocument): string =>
  database.instances.find(({ role }) => role === 'primary')?.host_id ?? 'nobody';

const ALL = ['host-1', 'host-2', 'host-3'];
/** A restart in place, with the writer's own wait before it tries again. */
const ONE_INTERRUPTION_MS = 15_000;

beforeAll(async () => {
  lab = await startLab({ hosts: 3 });
  operator = await operatorOf(lab.etcd.endpoints);
  specFile = join(operator.home, 'shop.json');
  await addHosts(operator, lab);
});
afterAll(async () => {
  await writer?.stop();
  await operator?.dispose();
  await lab?.stop();
});

describe('a database under a writer', () => {
  it('is created by apply, which changes nothing the second time', async () => {
    await want({ hosts: ['host-1'] });
    await apply();
    expect(await operator.json(['db', 'apply', '-f', specFile])).toMatchObject({ changed: false });
    writer = await startWriter({
      hosts: ALL.map((id) => lab.host(id).address),
      ...{ port: 5433, database: 'shop', user: 'app', password: APP.password },
    });
  });

  it('grows from one instance to three', async () => {
    await want({ hosts: ALL });
    const database = await apply();
    expect(rolesOf(database)).toEqual({ 'host-1': 'primary', 'host-2': 'replica', 'host-3': 'replica' });
    writer.longestGap();
  });

  it('takes a parameter by a reload, without an interruption', async () => {
    const started = await sql('host-1', 'select pg_postmaster_start_time()');
    await want({ hosts: ALL, parameters: { work_mem: '7MB' } });
    await apply();
    for (const host of ALL) expect(await sql(host, 'show work_mem')).toBe('7MB');
    expect(await sql('host-1', 'select pg_postmaster_start_time()')).toBe(started);
  });

  it('carries out a saved plan, and not a second time', async () => {
    await want({ hosts: ALL, parameters: { work_mem: '5MB' } });
    const planFile = `${operator.home}/plan.json`;
    const plan = await operator.json<PlanDocument>(['db', 'plan', '-f', specFile, '--out', planFile]);
    expect(plan.plans.flat(2).flatMap(({ cost }) => cost ?? [])).toEqual([]);
    expect(await operator.json(['db', 'apply', planFile])).toMatchObject({ changed: true });
    for (const host of ALL) expect(await sql(host, 'show work_mem')).toBe('5MB');
    const again = await operator.run(['db', 'apply', planFile, '-o', 'json']);
    expect([again.exitCode, (JSON.parse(again.stdout) as { code: string }).code]).toEqual([4, 'stale']);
  });

  it('knows which parameters this version of Postgres reads at its start only', async () => {
    const rows = await sql('host-1', "select name || ' ' || context from pg_settings");
    const known = rows
      .split('\n')
      .map((row) => row.split(' '))
      .filter(([name = '']) => parameterNameProblem(name) === undefined && needsRestart(name) !== 'perhaps');
    expect(known.length).toBeGreaterThan(200);
    const wrong = known.filter(
      ([name = '', context]) => (needsRestart(name) === 'yes') !== (context === 'postmaster'),
    );
    expect(wrong.filter(([, context]) => context !== 'internal')).toEqual([]);
  });

  it.each([
    ['up', 130],
    ['down', 80],
  ])('takes max_connections %s by a rolling restart', async (_way, value) => {
    writer.longestGap();
    await want({ hosts: ALL, parameters: { work_mem: '7MB', max_connections: value } });
    await apply();
    for (const host of ALL) expect(await sql(host, 'show max_connections')).toBe(String(value));
    expect(writer.longestGap()).toBeLessThan(ONE_INTERRUPTION_MS);
  });

  it('takes parameters up and down in one change, and gives back what is taken out', async () => {
    await want({ hosts: ALL, parameters: { max_connections: 60, max_worker_processes: 12 } });
    await apply();
    for (const host of ALL) {
      expect(await sql(host, 'show max_connections; show max_worker_processes; show work_mem')).toBe(
        '60\n12\n4MB',
      );
    }
    await want({ hosts: ALL });
    await apply();
    for (const host of ALL) expect(await sql(host, 'show max_connections')).toBe('100');
  });

  it('adds and drops users, and keeps what a dropped one owned', async () => {
    await want({ hosts: ALL, users: [{ username: 'report', password: 'x1', attributes: ['LOGIN'] }] });
    await apply();
    await sql(
      'host-1',
      'create table of_report (n int); alter table of_report owner to report; grant select on acknowledged to report',
    );
    await want({ hosts: ALL });
    await apply();
    expect(await sql('host-1', "select count(*) from pg_roles where rolname = 'report'")).toBe('0');
    expect(await sql('host-1', "select tableowner from pg_tables where tablename = 'of_report'")).toBe('app');
    const secrets = await lab.etcd.dump('/pgctl/v1/secrets/shop/');
    expect([...secrets.keys()].filter((key) => key.includes('report'))).toEqual([]);
  });

  it('stops a rolling change at the first replica that does not take it, and goes on with a good one', async () => {
    await want({ hosts: ALL, parameters: { shared_preload_libraries: 'no_such_library' } });
    const ran = await operator.run(['db', 'apply', '-f', specFile, '-o', 'json']);
    expect(ran.exitCode).toBe(1);
    expect(ran.stdout).toContain('no_such_library');
    const after = await operator.json<DatabaseDocument>(['db', 'get', 'shop']);
    expect(after.state).toBe('failed');
    // The primary, and one of the replicas, were never touched.
    expect(await sql('host-1', 'show shared_preload_libraries')).toBe('');
    await want({ hosts: ALL });
    await apply();
  });

  it('restarts in rolling order, with one short interruption on the primary', async () => {
    const startOf = (host: string) => sql(host, 'select pg_postmaster_start_time()');
    const before = await Promise.all(ALL.map(startOf));
    writer.longestGap();
    await operator.json(['db', 'restart', 'shop']);
    const after = await Promise.all(ALL.map(startOf));
    after.forEach((started, index) => expect(started).not.toBe(before[index]));
    expect(writer.longestGap()).toBeLessThan(ONE_INTERRUPTION_MS);
    expect(primaryOf(await settled())).toBe('host-1');
  });

  it('restarts one instance', async () => {
    const before = await sql('host-3', 'select pg_postmaster_start_time()');
    const result = await operator.json<{ instance: InstanceDocument }>([
      'instance',
      'restart',
      'shop.n1.host-3',
    ]);
    expect(result.instance).toMatchObject({ instance_id: 'shop.n1.host-3', state: 'available' });
    expect(await sql('host-3', 'select pg_postmaster_start_time()')).not.toBe(before);
    await settled();
  });

  it('keeps a stopped instance stopped, also when its host boots and when the database is changed', async () => {
    await operator.json(['instance', 'stop', 'shop.n1.host-2']);
    expect(await operator.json(['instance', 'stop', 'shop.n1.host-2'])).toMatchObject({ changed: false });
    const refused = await operator.run(['instance', 'restart', 'shop.n1.host-2']);
    expect(refused.exitCode).toBe(64);
    await lab.host('host-2').reboot();
    await want({ hosts: ALL, parameters: { work_mem: '6MB' } });
    const database = await apply();
    expect(database.instances.find(({ host_id }) => host_id === 'host-2')?.state).toBe('stopped');
    const started = await operator.json<TaskResult>(['instance', 'start', 'shop.n1.host-2']);
    expect(rolesOf(started.database)['host-2']).toBe('replica');
    expect(await sql('host-2', 'show work_mem')).toBe('6MB');
    await settled();
  });

  it('makes again what vanished from a host, and updates all of it where that is asked for', async () => {
    const unit = 'pgctl-shop.n1.host-3.service';
    await lab.host('host-3').run(`systemctl stop ${unit}; rm -rf /var/lib/pgctl/shop.n1.host-3`);
    await apply();
    expect(await sql('host-3', 'select pg_is_in_recovery()')).toBe('t');
    const forced = await operator.json<TaskResult>(['db', 'update', '-f', specFile, '--force-update']);
    expect(forced.changed).toBe(true);
    await settled();
  });

  it('hands over before it stops a primary', async () => {
    writer.longestGap();
    const stopped = await operator.json<TaskResult>(['instance', 'stop', 'shop.n1.host-1']);
    expect(primaryOf(stopped.database)).toMatch(/host-[23]/);
    expect(writer.longestGap()).toBeLessThan(ONE_INTERRUPTION_MS);
    const started = await operator.json<TaskResult>(['instance', 'start', 'shop.n1.host-1']);
    expect(rolesOf(started.database)['host-1']).toBe('replica');
    await settled();
  });

  it('shrinks to two by taking the primary out, after it handed over', async () => {
    const primary = primaryOf(await operator.json<DatabaseDocument>(['db', 'get', 'shop']));
    writer.longestGap();
    const rest = ALL.filter((id) => id !== primary);
    await want({ hosts: rest, parameters: { work_mem: '6MB' } });
    const database = await apply();
    expect(database.instances.map(({ host_id }) => host_id)).toEqual(rest);
    expect(writer.longestGap()).toBeLessThan(ONE_INTERRUPTION_MS);
    const left = await lab
      .host(primary)
      .run(
        'ls -A /var/lib/pgctl; systemctl list-units --all --plain "pgctl-*" --no-legend; pgrep -a postgres || true',
      );
    expect(left.stdout).toBe('.fence\n');
    const slots = await sql(primaryOf(database), 'select slot_name from pg_replication_slots');
    expect(slots).toBe(
      rest
        .filter((id) => id !== primaryOf(database))
        .join('')
        .replaceAll('-', '_'),
    );
    const keys = [...(await lab.etcd.dump('/pgctl/')).keys()].filter((key) =>
      key.includes(`shop.n1.${primary}`),
    );
    expect(keys).toEqual([]);
  });

  it('refuses an instance on a host that is down, and marks nothing', async () => {
    const database = await operator.json<DatabaseDocument>(['db', 'get', 'shop']);
    const there = database.instances.map(({ host_id }) => host_id);
    const away = ALL.find((id) => !there.includes(id)) ?? '';
    await lab.host(away).kill();
    await want({ hosts: [...there, away], parameters: { work_mem: '6MB' } });
    const before = await lab.etcd.revisions('/pgctl/v1/');
    const ran = await operator.run(['db', 'apply', '-f', specFile, '-o', 'json']);
    expect([ran.exitCode, ran.stdout.includes(away)]).toEqual([6, true]);
    expect(await lab.etcd.revisions('/pgctl/v1/')).toEqual(before);
  });

  it('moves to another port', async () => {
    const rest = (await operator.json<DatabaseDocument>(['db', 'get', 'shop'])).instances.map(
      (i) => i.host_id,
    );
    await writer.stop();
    await want({ hosts: rest, parameters: { work_mem: '6MB' }, port: 5544 });
    expect(await operator.json(['db', 'apply', '-f', specFile])).toMatchObject({ changed: true });
    expect(await operator.json(['db', 'plan', '-f', specFile])).toMatchObject({ plans: [] });
    for (const host of rest) expect(await sql(host, 'show port', 5544)).toBe('5544');
    const ports = [...(await lab.etcd.dump('/pgctl/v1/ports/')).keys()];
    expect(ports.filter((key) => key.endsWith('/5433'))).toEqual([]);
  });

  it('refuses what no update can do', async () => {
    const rest = (await operator.json<DatabaseDocument>(['db', 'get', 'shop'])).instances.map(
      (i) => i.host_id,
    );
    await want({ hosts: rest, port: 5544 });
    for (const change of ['"postgres_version":"16"', '"database_name":"other","postgres_version":"17"']) {
      const { readFile } = await import('node:fs/promises');
      const text = (await readFile(specFile, 'utf8')).replace('"postgres_version":"17"', change);
      const ran = await operator.run(['db', 'apply', '-f', '-', '-o', 'json'], { input: text });
      expect([change, ran.exitCode]).toEqual([change, 64]);
    }
    const absent = await operator.run(['db', 'update', '-f', '-'], {
      input: '{"id":"nosuch","nodes":[{"name":"n1","host_ids":["host-1"]}]}',
    });
    expect(absent.exitCode).toBe(5);
  });
});
