import { describe, expect, test } from 'vitest';
import {
  showDatabase,
  showDatabaseList,
  showFindings,
  showHost,
  showHostList,
  showInstance,
  showInstanceList,
  showLocal,
  showPlan,
  showPlanList,
  showRemovedHost,
  showStatus,
  showTask,
  showTaskList,
  showTaskLog,
  showTaskResult,
} from '../../src/ui/views.ts';
import { database, host, instance, INTERRUPTED, PLAN, task } from './documents.ts';
import type { Theme } from '../../src/ui/theme.ts';
import { COLOR, PLAIN, visible } from './screen.ts';

describe('a plan', () => {
  test('says per host what happens and why, what differs, and in which order', () => {
    expect(showPlan(PLAN, PLAIN)).toMatchInlineSnapshot(`
      "update shop

      On host-3
        + create instance shop.n1.host-3 (it does not exist yet)

      On host-1
        ~ change instance shop.n1.host-1
            work_mem: 4MB → 16MB
            hba:
              + host all all 10.0.0.0/8 scram-sha-256
            ident:
              - a

      On host-2
        - remove instance shop.n1.host-2 (it is no longer wanted)

      In the cluster shop.n1
        ~ change role app (something it depends on changes)

      In this order
        1/3  create directory: host-3; update patroni_config: host-1
        2/3  update role: shop.n1.app
        3/3  delete instance: host-2

      1 to create, 2 to update, 1 to delete, in 3 phases"
    `);
  });

  test('in colour', () => {
    expect(visible(showPlan(PLAN, COLOR))).toMatchInlineSnapshot(`
      "<b>update shop</>

      <b>On host-3</>
        <green>+ create instance shop.n1.host-3</><faint> (it does not exist yet)</>

      <b>On host-1</>
        <yellow>~ change instance shop.n1.host-1</>
            work_mem: <red>4MB</> → <green>16MB</>
            hba:
              <green>+ host all all 10.0.0.0/8 scram-sha-256</>
            ident:
              <red>- a</>

      <b>On host-2</>
        <red>- remove instance shop.n1.host-2</><faint> (it is no longer wanted)</>

      <b>In the cluster shop.n1</>
        <yellow>~ change role app</><faint> (something it depends on changes)</>

      <b>In this order</>
        1/3  create directory: host-3; update patroni_config: host-1
        2/3  update role: shop.n1.app
        3/3  delete instance: host-2

      <b>1 to create, 2 to update, 1 to delete, in 3 phases</>"
    `);
  });

  test('keeps to a narrow terminal', () => {
    expect(showPlan(PLAN, { ...PLAIN, width: 60 })).toMatchInlineSnapshot(`
      "update shop

      On host-3
        + create instance shop.n1.host-3 (it does not exist yet)

      On host-1
        ~ change instance shop.n1.host-1
            work_mem: 4MB → 16MB
            hba:
              + host all all 10.0.0.0/8 scram-sha-256
            ident:
              - a

      On host-2
        - remove instance shop.n1.host-2 (it is no longer wanted)

      In the cluster shop.n1
        ~ change role app (something it depends on changes)

      In this order
        1/3  create directory: host-3; update patroni_config:
             host-1
        2/3  update role: shop.n1.app
        3/3  delete instance: host-2

      1 to create, 2 to update, 1 to delete, in 3 phases"
    `);
  });

  test('without events says that there are no changes', () => {
    const empty = { ...PLAN, plans: [], summary: { create: 0, update: 0, delete: 0 } };
    expect(showPlan(empty, PLAIN)).toMatchInlineSnapshot(`
      "update shop

      No changes."
    `);
    expect(showPlan({ ...empty, database_changed: true }, PLAIN)).toMatchInlineSnapshot(`
      "update shop

      No host is touched; only the database's record changes."
    `);
  });

  test('over several databases', () => {
    const second = {
      ...PLAN,
      database_id: 'blog',
      plans: PLAN.plans.slice(1),
      summary: { create: 0, update: 0, delete: 1 },
    };
    expect(showPlanList({ kind: 'PlanList', items: [second, second] }, PLAIN)).toMatchInlineSnapshot(`
      "update blog

      On host-2
        - remove instance shop.n1.host-2 (it is no longer wanted)

      In this order
        1/1  delete instance: host-2

      0 to create, 0 to update, 1 to delete, in 1 phase

      update blog

      On host-2
        - remove instance shop.n1.host-2 (it is no longer wanted)

      In this order
        1/1  delete instance: host-2

      0 to create, 0 to update, 1 to delete, in 1 phase"
    `);
    expect(showPlanList({ kind: 'PlanList', items: [] }, PLAIN)).toBe('No changes.');
  });
});

describe('a database', () => {
  test('shows its primary and its instances', () => {
    expect(showDatabase(database(), PLAIN)).toMatchInlineSnapshot(`
      "Database shop
        state      available
        primary    host-1 (10.0.0.11:5432)
        uid        4f6c1a
        last task  20260102-030405678-abc123
        created    2026-01-02 03:04:05Z
        updated    2026-01-02 03:05:00Z

      INSTANCE        HOST    STATE      ROLE     ADDRESS         POSTGRES      LAG
      shop.n1.host-1  host-1  available  primary  10.0.0.11:5432  17.6          0 B
      shop.n1.host-2  host-2  available  replica  10.0.0.12:5432  17.6      1.2 MiB
      shop.n1.host-3  host-3  available  replica  10.0.0.13:5432  17.6      1.2 MiB"
    `);
  });

  test('that is interrupted and failed says by whom and why, in colour', () => {
    const failed = database({
      state: 'modifying',
      interrupted: INTERRUPTED,
      error: 'phase 2 failed:\nhost-2: no space left on device',
      instances: [
        instance(1, { state: 'degraded', role: null, lag_bytes: null, pending_restart: true }),
        instance(2, {
          state: 'creating',
          role: null,
          lag_bytes: null,
          interrupted: INTERRUPTED,
          postgres_version: null,
        }),
        instance(3, {
          state: 'failed',
          role: null,
          lag_bytes: null,
          error: 'not reached: phase 2 failed\nmore',
        }),
      ],
    });
    expect(visible(showDatabase(failed, COLOR))).toMatchInlineSnapshot(`
      "<b>Database shop</>
        <faint>state        </><yellow>modifying (interrupted)</>
        <faint>interrupted  </>task 20260102-030405678-abc123, run by alice on ops (pid 4711) since 2026-01-02 03:04:05Z, ended without an outcome
                     \`pgctl task resume 20260102-030405678-abc123\` settles it
        <faint>error        </><red>phase 2 failed:</>
                     <red>host-2: no space left on device</>
        <faint>uid          </>4f6c1a
        <faint>last task    </>20260102-030405678-abc123
        <faint>created      </>2026-01-02 03:04:05Z
        <faint>updated      </>2026-01-02 03:05:00Z

      <b>INSTANCE</>        <b>HOST</>    <b>STATE</>                   <b>ROLE</>  <b>ADDRESS</>         <b>POSTGRES</>  <b>LAG</>  <b>NOTE</>
      shop.n1.host-1  host-1  <red>degraded</>                -     10.0.0.11:5432  17.6        -  <faint>restart pending</>
      shop.n1.host-2  host-2  <yellow>creating (interrupted)</>  -     10.0.0.12:5432  -           -
      shop.n1.host-3  host-3  <red>failed</>                  -     10.0.0.13:5432  17.6        -  <faint>not reached: phase 2 failed</>"
    `);
  });

  test('without instances says so', () => {
    expect(showDatabase(database({ instances: [] }), PLAIN)).toContain('No instances.');
  });

  test('in a list', () => {
    const items = [database(), database({ id: 'blog', state: 'failed', error: 'it broke', instances: [] })];
    expect(showDatabaseList({ kind: 'DatabaseList', items }, PLAIN)).toMatchInlineSnapshot(`
      "DATABASE  STATE      PRIMARY                  INSTANCES  UPDATED               ERROR
      shop      available  host-1 (10.0.0.11:5432)  3/3 up     2026-01-02 03:05:00Z
      blog      failed     -                        0/0 up     2026-01-02 03:05:00Z  it broke"
    `);
    expect(showDatabaseList({ kind: 'DatabaseList', items: [] }, PLAIN)).toBe('No databases.');
  });
});

describe('an instance', () => {
  test('shows where it is and how it does', () => {
    expect(showInstance(instance(2), PLAIN)).toMatchInlineSnapshot(`
      "Instance shop.n1.host-2
        state         available
        role          replica
        lag           1.2 MiB
        database      shop
        node          n1
        host          host-2
        address       10.0.0.12:5432
        patroni port  8008
        postgres      17.6
        timeline      1
        created       2026-01-02 03:04:05Z
        updated       2026-01-02 03:05:00Z"
    `);
  });

  test('shows an address of IPv6 in brackets, and that its host is not known', () => {
    expect(showInstance(instance(1, { address: 'fd00::1' }), PLAIN)).toContain('[fd00::1]:5432');
    expect(showInstance(instance(1, { address: null }), PLAIN)).toContain('?:5432');
  });

  test('in a list on a narrow terminal gives up its note first, then its widest column', () => {
    const items = [instance(1, { pending_restart: true, error: 'a setting needs a restart of the server' })];
    const list = { kind: 'InstanceList' as const, items };
    expect(showInstanceList(list, PLAIN)).toMatchInlineSnapshot(`
      "INSTANCE        HOST    STATE      ROLE     ADDRESS         POSTGRES  LAG  NOTE
      shop.n1.host-1  host-1  available  primary  10.0.0.11:5432  17.6      0 B  restart pending; a setting needs a restart of the server"
    `);
    expect(showInstanceList(list, { ...PLAIN, width: 100 })).toMatchInlineSnapshot(`
      "INSTANCE        HOST    STATE      ROLE     ADDRESS         POSTGRES  LAG  NOTE
      shop.n1.host-1  host-1  available  primary  10.0.0.11:5432  17.6      0 B  restart pending; a setti…"
    `);
    const narrow = showInstanceList(list, { ...PLAIN, width: 75 });
    expect(narrow).toMatchInlineSnapshot(`
      "INSTANCE        STATE      ROLE     ADDRESS         LAG  NOTE
      shop.n1.host-1  available  primary  10.0.0.11:5432  0 B  restart pending; …"
    `);
    expect(narrow.split('\n').every((line) => line.length <= 75)).toBe(true);
    expect(showInstanceList({ ...list, items: [] }, PLAIN)).toBe('No instances.');
  });
});

describe('lists fit the terminal', () => {
  const failed = instance(2, {
    state: 'failed',
    role: null,
    lag_bytes: null,
    error: 'no space left on device',
  });
  const databases = [
    database(),
    database({ id: 'warehouse-of-records', state: 'degraded', error: 'it broke' }),
  ];
  const lists: readonly (readonly [string, (theme: Theme) => string])[] = [
    ['instances', (theme) => showInstanceList({ kind: 'InstanceList', items: [instance(1), failed] }, theme)],
    ['databases', (theme) => showDatabaseList({ kind: 'DatabaseList', items: databases }, theme)],
    ['hosts', (theme) => showHostList({ kind: 'HostList', items: [host(), host({ id: 'host-2' })] }, theme)],
    [
      'tasks',
      (theme) =>
        showTaskList({ kind: 'TaskList', items: [task(), task({ state: 'failed', error: 'no' })] }, theme),
    ],
    [
      'the status',
      (theme) =>
        showStatus(
          { kind: 'Status', databases: [database({ instances: [instance(1), failed] })], findings: [] },
          theme,
        ),
    ],
  ];

  test.each(lists)('%s at 60, 80 and 120 columns, with what people look for first', (_, show) => {
    const at = (width: number): string => show({ ...PLAIN, width });
    for (const width of [60, 80, 120])
      expect(
        Math.max(
          ...at(width)
            .split('\n')
            .map((line) => line.length),
        ),
      ).toBeLessThanOrEqual(width);
    expect([60, 80, 120].map(at).join('\n\n')).toMatchSnapshot();
  });
});

describe('a host', () => {
  test('shows its facts', () => {
    expect(showHost(host(), PLAIN)).toMatchInlineSnapshot(`
      "Host host-1
        state            reachable
        address          10.0.0.11
        ssh              user admin, key /keys/id_ed25519
        base directory   /var/lib/pgctl
        service manager  systemd
        labels           zone=a
        system           Debian GNU/Linux 13 (trixie), kernel 6.12.0
        hostname         host-1
        postgres         17.6 in /usr/lib/postgresql/17/bin
                         15.14 in /usr/lib/postgresql/15/bin
        patroni          4.0.4 at /usr/bin/patroni
        privileges       sudo; Postgres runs as postgres
        cpus             4
        memory           8.0 GiB
        disk             30.0 GiB free of 40.0 GiB
        clock            as pgctl's
        gathered         2026-01-02 03:05:00Z
        created          2026-01-02 03:04:05Z
        updated          2026-01-02 03:05:00Z"
    `);
  });

  test('that lacks something shows what, each on a line', () => {
    const lacking = host({
      state: 'unusable',
      findings: ['no Patroni was found', 'no sudo\nsudo: a password is required'],
    });
    expect(visible(showHost({ ...lacking, facts: null }, COLOR))).toMatchInlineSnapshot(`
      "<b>Host host-1</>
        <faint>state            </><red>unusable</>
        <faint>address          </>10.0.0.11
        <faint>ssh              </>user admin, key /keys/id_ed25519
        <faint>base directory   </>/var/lib/pgctl
        <faint>service manager  </>systemd
        <faint>labels           </>zone=a
        <faint>facts            </>not gathered yet
        <faint>created          </>2026-01-02 03:04:05Z
        <faint>updated          </>2026-01-02 03:05:00Z

      <b>Findings</>
        <red>!</> no Patroni was found
        <red>!</> no sudo
          sudo: a password is required"
    `);
  });

  test('in a list, its findings below', () => {
    const items = [
      host(),
      host({ id: 'host-2', state: 'unreachable', facts: null, labels: {}, findings: ['it does not answer'] }),
    ];
    expect(showHostList({ kind: 'HostList', items }, PLAIN)).toMatchInlineSnapshot(`
      "HOST    ADDRESS    STATE        SERVICES  POSTGRES     PATRONI  LABELS
      host-1  10.0.0.11  reachable    systemd   17.6, 15.14  4.0.4    zone=a
      host-2  10.0.0.11  unreachable  systemd   -            -

      Findings on host-2
        ! it does not answer"
    `);
    expect(showHostList({ kind: 'HostList', items: [] }, PLAIN)).toBe('No hosts.');
  });
});

describe('a task', () => {
  test('shows who ran it and how far it came', () => {
    const failed = task({
      state: 'failed',
      error: 'phase 2 failed',
      events: { total: 12, done: 6, failed: 1, not_reached: 5 },
    });
    expect(showTask(failed, PLAIN)).toMatchInlineSnapshot(`
      "Task 20260102-030405678-abc123
        state      failed
        error      phase 2 failed
        operation  create of database shop
        events     6 of 12 done, 1 failed, 5 not reached
        run by     alice on ops (pid 4711)
        started    2026-01-02 03:04:05Z
        finished   2026-01-02 03:05:00Z
        took       54.3 s"
    `);
  });

  test('in a list', () => {
    const items = [task(), task({ state: 'running', finished_at: null, interrupted: INTERRUPTED })];
    expect(showTaskList({ kind: 'TaskList', items }, PLAIN)).toMatchInlineSnapshot(`
      "TASK                       OPERATION  ON    STATE                  EVENTS  WHO    STARTED                 TOOK
      20260102-030405678-abc123  create     shop  completed               12/12  alice  2026-01-02 03:04:05Z  54.3 s
      20260102-030405678-abc123  create     shop  running (interrupted)   12/12  alice  2026-01-02 03:04:05Z       -"
    `);
    expect(showTaskList({ kind: 'TaskList', items: [] }, PLAIN)).toBe('No tasks.');
  });

  test('has a log', () => {
    const event = {
      plan: 1,
      phase: 2,
      type: 'create',
      resource: 'instance/shop.n1.host-1',
      host_id: 'host-1',
      input_hash: 'h',
      at: '2026-01-02T03:04:06.000Z',
    };
    const log = [
      { ...event, seq: 1, step: 'intent' as const, duration_ms: null, error: null },
      { ...event, seq: 2, step: 'ok' as const, duration_ms: 2300, error: null },
      {
        ...event,
        seq: 3,
        step: 'failed' as const,
        duration_ms: 90,
        error: 'it broke\nreally',
        host_id: null,
      },
      { ...event, seq: 4, step: 'unknown' as const, duration_ms: 65_000, error: 'the connection broke' },
      { seq: 5, at: event.at, host_id: 'host-1', message: 'waiting for a leader', fields: {} },
    ];
    expect(showTaskLog({ kind: 'TaskLog', task_id: 't', items: log }, PLAIN)).toMatchInlineSnapshot(`
      "2026-01-02 03:04:06Z  host-1: create instance/shop.n1.host-1 begins
      2026-01-02 03:04:06Z  host-1: create instance/shop.n1.host-1 … ok (2.3 s)
      2026-01-02 03:04:06Z  pgctl: create instance/shop.n1.host-1 … failed (90 ms): it broke
          really
      2026-01-02 03:04:06Z  host-1: create instance/shop.n1.host-1 … outcome unknown (1 m 05 s): the connection broke
      2026-01-02 03:04:06Z  host-1: waiting for a leader"
    `);
    expect(showTaskLog({ kind: 'TaskLog', task_id: 't', items: [] }, PLAIN)).toBe(
      'The task did nothing yet.',
    );
  });

  test('that ended leaves a database, or nothing to say', () => {
    expect(
      visible(
        showTaskResult({ kind: 'TaskResult', changed: true, task: task(), database: database() }, COLOR),
      ),
    ).toMatchInlineSnapshot(`
      "create shop: <green>completed</> in 54.3 s <faint>(task 20260102-030405678-abc123)</>

      <b>Database shop</>
        <faint>state      </><green>available</>
        <faint>primary    </>host-1 (10.0.0.11:5432)
        <faint>uid        </>4f6c1a
        <faint>last task  </>20260102-030405678-abc123
        <faint>created    </>2026-01-02 03:04:05Z
        <faint>updated    </>2026-01-02 03:05:00Z

      <b>INSTANCE</>        <b>HOST</>    <b>STATE</>      <b>ROLE</>     <b>ADDRESS</>         <b>POSTGRES</>      <b>LAG</>
      shop.n1.host-1  host-1  <green>available</>  <cyan>primary</>  10.0.0.11:5432  17.6          0 B
      shop.n1.host-2  host-2  <green>available</>  replica  10.0.0.12:5432  17.6      1.2 MiB
      shop.n1.host-3  host-3  <green>available</>  replica  10.0.0.13:5432  17.6      1.2 MiB"
    `);
    expect(showTaskResult({ kind: 'TaskResult', changed: false, task: null }, PLAIN)).toBe('No change.');
  });

  test('over several databases says how each came out', () => {
    const databases = [
      { id: 'shop', state: 'available' as const, error: null },
      { id: 'blog', state: 'failed' as const, error: 'host-2: no leader' },
    ];
    const result = {
      kind: 'TaskResult' as const,
      changed: true,
      task: task({ operation: 'recover', state: 'failed' }),
      databases,
    };
    expect(showTaskResult(result, PLAIN)).toMatchInlineSnapshot(`
      "recover shop: failed in 54.3 s (task 20260102-030405678-abc123)

      DATABASE  STATE      ERROR
      shop      available
      blog      failed     host-2: no leader"
    `);
  });
});

test('findings say what to do', () => {
  const findings = [
    {
      severity: 'error' as const,
      subject: 'host-1',
      message: 'it does not answer',
      remedy: 'Try `ssh host-1`.',
    },
    { severity: 'warning' as const, subject: 'shop', message: 'one replica lags', remedy: null },
  ];
  expect(visible(showFindings(findings, COLOR))).toMatchInlineSnapshot(`
    "<red>error</>: <b>host-1</>: it does not answer
      <faint>Try \`ssh host-1\`.</>
    <yellow>warning</>: <b>shop</>: one replica lags"
  `);
  expect(showFindings([], PLAIN)).toBe('Nothing found.');
});

test('what runs on this machine', () => {
  const up = {
    kind: 'Local' as const,
    etcd: 'up' as const,
    endpoint: 'http://127.0.0.1:23790',
    hosts: ['local-1', 'local-2'],
    databases: [],
  };
  expect(showLocal(up, PLAIN)).toMatchInlineSnapshot(`
    "On this machine
      etcd       up at http://127.0.0.1:23790
      hosts      local-1, local-2
      databases  none"
  `);
  expect(showLocal({ ...up, etcd: 'down' }, PLAIN)).toMatchInlineSnapshot(`
    "On this machine
      etcd  down at http://127.0.0.1:23790

    \`pgctl local up\` starts it."
  `);
  expect(showLocal({ ...up, etcd: 'absent' }, PLAIN)).toContain('pgctl local up');
});

describe('the status', () => {
  const findings = [
    {
      severity: 'error' as const,
      subject: 'shop.n1.host-2',
      message: 'nothing is heard of it',
      remedy: '`pgctl host check host-2`',
    },
    { severity: 'info' as const, subject: 'shop', message: 'bob works on it', remedy: null },
  ];
  const databases = [
    database({ instances: [instance(1), instance(2, { state: 'unknown', role: null, lag_bytes: null })] }),
    database({ id: 'blog', state: 'creating', instances: [], interrupted: INTERRUPTED }),
  ];

  test('shows every database, and below them what is wrong with what mends it', () => {
    expect(showStatus({ kind: 'Status', databases, findings }, PLAIN)).toMatchInlineSnapshot(`
      "shop: available
      INSTANCE        HOST    STATE      ROLE     ADDRESS         POSTGRES  LAG
      shop.n1.host-1  host-1  available  primary  10.0.0.11:5432  17.6      0 B
      shop.n1.host-2  host-2  unknown    -        10.0.0.12:5432  17.6        -

      blog: creating (interrupted)
      No instances.

      2 findings
      error: shop.n1.host-2: nothing is heard of it
        \`pgctl host check host-2\`
      info: shop: bob works on it"
    `);
  });

  test('without findings', () => {
    expect(showStatus({ kind: 'Status', databases: [], findings: [] }, PLAIN)).toMatchInlineSnapshot(`
      "No databases.

      Nothing is wrong."
    `);
  });
});

test('a host that was removed', () => {
  expect(showRemovedHost('removed')(host(), PLAIN)).toBe('Host host-1 (10.0.0.11): removed');
});
