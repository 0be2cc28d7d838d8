import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, startLab } from '../lab/lab.ts';
import { addHosts, type Operator, operatorOf } from './pgctl.ts';

const CANARY = 'kanarienvogel-7fb1';

const SPEC = `
id: shop
postgres_version: "17"
port: 5433
nodes:
  - name: n1
    host_ids: [host-2, host-1, host-3]
database_users:
  - username: app
    password: ${CANARY}
    db_owner: true
    attributes: [LOGIN]
  - username: report
    attributes: [NOLOGIN]
    roles: [pg_read_all_data]
postgresql_conf:
  work_mem: 5MB
  max_connections: 77
pg_hba_conf:
  - host all report 192.0.2.0/24 scram-sha-256
`;

interface InstanceDocument {
  readonly instance_id: string;
  readonly host_id: string;
  readonly state: string;
  readonly role: string | null;
  readonly port: number;
  readonly lag_bytes: number | null;
}
interface DatabaseDocument {
  readonly kind: string;
  readonly state: string;
  readonly instances: readonly InstanceDocument[];
}

let lab: Lab;
let operator: Operator;
let spec: string;

/** Runs SQL on a host through its socket, as the operator of the host would. */
async function sql(host: string, statement: string, database = 'shop'): Promise<string> {
  const ran = await lab
    .host(host)
    .run(`psql -XAtq -p 5433 -d ${database}`, { user: 'postgres', input: statement });
  if (ran.exitCode !== 0) throw new Error(`${host}: ${ran.stderr}`);
  return ran.stdout.trim();
}

beforeAll(async () => {
  lab = await startLab({ hosts: 3 });
  operator = await operatorOf(lab.etcd.endpoints);
  spec = join(operator.home, 'shop.yaml');
  await writeFile(spec, SPEC);
});
afterAll(async () => {
  await operator?.dispose();
  await lab?.stop();
});

describe('a database of three instances on three hosts', () => {
  it('is refused while its hosts are not registered, and nothing is written', async () => {
    const ran = await operator.run(['db', 'create', '-f', spec, '-o', 'json']);
    expect(ran.exitCode).toBe(64);
    expect(JSON.parse(ran.stdout)).toMatchObject({ kind: 'Error', code: 'invalid_spec' });
    expect(ran.stdout).toContain('nodes[0].host_ids[0]');
    expect([...(await lab.etcd.dump('/pgctl/v1/databases/')).keys()]).toEqual([]);
  });

  it('is created by one command, with the first host as the primary', async () => {
    await addHosts(operator, lab);
    const plan = await operator.json<{ kind: string; summary: { create: number } }>([
      'db',
      'plan',
      '-f',
      spec,
    ]);
    expect(plan).toMatchObject({ kind: 'Plan', summary: { create: 21, update: 0, delete: 0 } });

    const result = await operator.run(['db', 'create', '-f', spec, '-o', 'json']);
    expect(result.stderr + result.stdout).not.toContain(CANARY);
    expect(JSON.parse(result.stdout)).toMatchObject({
      kind: 'TaskResult',
      task: { state: 'completed' },
      database: { state: 'available' },
    });
    expect(result.exitCode).toBe(0);

    const database = await operator.json<DatabaseDocument>(['db', 'get', 'shop']);
    expect(database.state).toBe('available');
    const roles = Object.fromEntries(database.instances.map((i) => [i.host_id, i.role]));
    expect(roles).toEqual({ 'host-1': 'replica', 'host-2': 'primary', 'host-3': 'replica' });
    expect(database.instances.map((i) => i.state)).toEqual(['available', 'available', 'available']);
  });

  it('serves the same rows everywhere, with checksums, the spec’s settings, and a SCRAM verifier that lets the user in', async () => {
    await sql('host-2', 'create table t as select 42 as answer');
    await sql('host-2', 'select pg_current_wal_lsn()');
    for (const host of ['host-1', 'host-3']) {
      await expect
        .poll(() => sql(host, 'select answer from t').catch(String), { timeout: 10_000 })
        .toBe('42');
      expect(await sql(host, 'select pg_is_in_recovery()')).toBe('t');
    }
    for (const host of ['host-1', 'host-2', 'host-3']) {
      expect(
        await sql(
          host,
          "select string_agg(current_setting(s), ' ' order by s) from unnest(array['data_checksums','max_connections','work_mem','password_encryption']) s",
        ),
      ).toBe('on 77 scram-sha-256 5MB');
      expect(await sql(host, 'select count(*) from pg_hba_file_rules where error is not null')).toBe('0');
    }
    expect(
      await sql(
        'host-2',
        "select datcollate || ' ' || pg_encoding_to_char(encoding) || ' ' || pg_get_userbyid(datdba) from pg_database where datname = 'shop'",
      ),
    ).toBe('C.UTF-8 UTF8 app');
    expect(
      await sql('host-2', "select rolpassword like 'SCRAM-SHA-256$%' from pg_authid where rolname = 'app'"),
    ).toBe('t');
    const login = await lab
      .host('host-2')
      .run(`psql -XAtq 'host=127.0.0.1 port=5433 user=app dbname=shop' -c 'select current_user'`, {
        user: 'postgres',
        input: '',
      });
    expect(login.exitCode).not.toBe(0);
    const withPassword = await lab
      .host('host-2')
      .run(
        `IFS= read -r PGPASSWORD; export PGPASSWORD; psql -XAtq 'host=127.0.0.1 port=5433 user=app dbname=shop' -c 'select current_user'`,
        {
          user: 'postgres',
          input: `${CANARY}\n`,
        },
      );
    expect(withPassword.stdout.trim()).toBe('app');
  });

  it('keeps the password out of etcd, of the hosts’ files and of their logs', async () => {
    for (const [key, value] of await lab.etcd.dump('/')) expect(`${key} ${value}`).not.toContain(CANARY);
    for (const host of lab.hosts) {
      // The word comes over stdin: in an argument it would find itself in the journal.
      const found = await host.run(
        'cat > /dev/shm/word; grep -rlFf /dev/shm/word /var/lib/pgctl /etc /var/log; journalctl --no-pager -o export | grep -acFf /dev/shm/word; rm /dev/shm/word',
        { input: CANARY },
      );
      expect(found.stdout.trim()).toBe('0');
    }
  });

  it('plans nothing for the same spec, and creating it again is no change', async () => {
    const plan = await operator.run(['db', 'plan', '-f', spec, '--detailed-exitcode', '-o', 'json']);
    expect(JSON.parse(plan.stdout)).toMatchObject({
      plans: [],
      summary: { create: 0, update: 0, delete: 0 },
    });
    expect(plan.exitCode).toBe(0);
    const again = await operator.run(['db', 'create', '-f', spec]);
    expect(again.stdout + again.stderr).toContain('No change');
    expect(again.exitCode).toBe(0);
  });

  it('shows the new primary after the old one’s host died, without ssh', async () => {
    await lab.host('host-2').kill();
    await expect
      .poll(
        async () => {
          const { instances } = await operator.json<DatabaseDocument>(['db', 'get', 'shop']);
          return instances.find((i) => i.role === 'primary')?.host_id;
        },
        { timeout: 90_000, interval: 1_000 },
      )
      .toMatch(/^host-[13]$/);
    const { instances, state } = await operator.json<DatabaseDocument>(['db', 'get', 'shop']);
    expect(state).toBe('degraded');
    expect(instances.find((i) => i.host_id === 'host-2')).toMatchObject({ state: 'unknown', role: null });
    const primary = instances.find((i) => i.role === 'primary')?.host_id ?? '';
    await expect
      .poll(() => sql(primary, 'insert into t values (43) returning answer').catch(String), {
        timeout: 30_000,
      })
      .toBe('43');
    await lab.host('host-2').boot();
    await expect
      .poll(async () => (await operator.json<DatabaseDocument>(['db', 'get', 'shop'])).state, {
        timeout: 60_000,
        interval: 1_000,
      })
      .toBe('available');
  });

  it('asks before it deletes, and deletes without a trace', async () => {
    const unasked = await operator.run(['db', 'delete', 'shop', '-o', 'json']);
    expect(unasked.exitCode).toBe(8);
    expect(JSON.parse(unasked.stdout)).toMatchObject({ kind: 'Error', code: 'confirmation_needed' });

    const deleted = await operator.run(['db', 'delete', 'shop', '--yes', '-o', 'json']);
    expect(JSON.parse(deleted.stdout)).toMatchObject({ kind: 'TaskResult', task: { state: 'completed' } });
    expect(deleted.exitCode).toBe(0);

    const keys = [...(await lab.etcd.dump('/pgctl/')).keys()].filter((key) => key.includes('shop'));
    expect(keys).toEqual([]);
    for (const host of lab.hosts) {
      const left = await host.run(
        'ls -A /var/lib/pgctl | grep -v "^.fence$"; ls /etc/systemd/system | grep pgctl; ls -A /run/postgresql; pgrep -a "postgres|patroni"; systemctl list-units --all --no-legend "pgctl-*"; true',
      );
      expect(left.stdout.trim()).toBe('');
    }
    expect((await operator.run(['db', 'get', 'shop'])).exitCode).toBe(5);
    expect((await operator.run(['db', 'delete', 'shop', '--yes'])).exitCode).toBe(5);
  });
});
