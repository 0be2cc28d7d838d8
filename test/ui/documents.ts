import type {
  DatabaseDocument,
  HostDocument,
  InstanceDocument,
  Interrupted,
  PlanDocument,
  TaskDocument,
} from '../../src/ui/documents.ts';

const FROM = { host: 'ops', boot_id: 'b0071d', pid: 4711 };
const CREATED = '2026-01-02T03:04:05.678Z';
const UPDATED = '2026-01-02T03:05:00.000Z';

export const INTERRUPTED: Interrupted = {
  task_id: '20260102-030405678-abc123',
  who: 'alice',
  from: FROM,
  since: CREATED,
};

/** The instance of `shop` on a host that is called `host-<n>`, the first of which is the primary. */
export function instance(n: number, changes: Partial<InstanceDocument> = {}): InstanceDocument {
  return {
    kind: 'Instance',
    instance_id: `shop.n1.host-${n}`,
    database_id: 'shop',
    host_id: `host-${n}`,
    node_name: 'n1',
    state: 'available',
    role: n === 1 ? 'primary' : 'replica',
    address: `10.0.0.1${n}`,
    port: 5432,
    patroni_port: 8008,
    postgres_version: '17.6',
    pending_restart: false,
    lag_bytes: n === 1 ? 0 : 1_300_000,
    timeline: 1,
    running: true,
    error: null,
    created_at: CREATED,
    updated_at: UPDATED,
    ...changes,
  };
}

export function database(changes: Partial<DatabaseDocument> = {}): DatabaseDocument {
  return {
    kind: 'Database',
    id: 'shop',
    state: 'available',
    spec: {
      id: 'shop',
      database_name: 'shop',
      nodes: [{ name: 'n1', host_ids: ['host-1', 'host-2', 'host-3'] }],
    },
    uid: '4f6c1a',
    created_at: CREATED,
    updated_at: UPDATED,
    error: null,
    instances: [instance(1), instance(2), instance(3)],
    last_task_id: '20260102-030405678-abc123',
    ...changes,
  };
}

export function host(changes: Partial<HostDocument> = {}): HostDocument {
  return {
    kind: 'Host',
    id: 'host-1',
    address: '10.0.0.11',
    state: 'reachable',
    advertise: null,
    ssh: { user: 'admin', port: null, identity_file: '/keys/id_ed25519' },
    base_dir: '/var/lib/pgctl',
    service_manager: 'systemd',
    labels: { zone: 'a' },
    findings: [],
    facts: {
      os: 'Debian GNU/Linux 13 (trixie)',
      kernel: '6.12.0',
      hostname: 'host-1',
      machine_id: '0123',
      cpus: 4,
      memory_bytes: 8 * 1024 ** 3,
      disk_free_bytes: 30 * 1024 ** 3,
      disk_total_bytes: 40 * 1024 ** 3,
      privileges: 'sudo',
      run_user: 'postgres',
      run_user_home: '/var/lib/postgresql',
      clock_skew_seconds: 0.04,
      postgres: [
        { version: '17.6', bin_dir: '/usr/lib/postgresql/17/bin' },
        { version: '15.14', bin_dir: '/usr/lib/postgresql/15/bin' },
      ],
      patroni: { version: '4.0.4', path: '/usr/bin/patroni', python: '/usr/bin/python3' },
      systemd: true,
      gathered_at: UPDATED,
    },
    created_at: CREATED,
    updated_at: UPDATED,
    ...changes,
  };
}

export function task(changes: Partial<TaskDocument> = {}): TaskDocument {
  return {
    kind: 'Task',
    task_id: '20260102-030405678-abc123',
    operation: 'create',
    scope: 'database',
    entity_id: 'shop',
    state: 'completed',
    error: null,
    who: 'alice',
    from: FROM,
    started_at: CREATED,
    finished_at: UPDATED,
    events: { total: 12, done: 12, failed: 0, not_reached: 0 },
    ...changes,
  };
}

export const PLAN: PlanDocument = {
  kind: 'Plan',
  operation: 'update',
  database_id: 'shop',
  plans: [
    [
      [
        {
          type: 'create',
          reason: 'does_not_exist',
          resource: { type: 'directory', id: 'shop.n1.host-3' },
          host_id: 'host-3',
        },
        {
          type: 'update',
          reason: 'has_diff',
          resource: { type: 'patroni_config', id: 'shop.n1.host-1' },
          host_id: 'host-1',
          diff: [
            { path: '/parameters/work_mem', from: '4MB', to: '16MB' },
            { path: '/hba/0', to: 'host all all 10.0.0.0/8 scram-sha-256' },
            { path: '/ident/0', from: 'a' },
          ],
        },
      ],
      [
        {
          type: 'update',
          reason: 'dependency_updated',
          resource: { type: 'role', id: 'shop.n1.app' },
          host_id: null,
        },
      ],
    ],
    [
      [
        {
          type: 'delete',
          reason: 'not_desired',
          resource: { type: 'instance', id: 'shop.n1.host-2' },
          host_id: 'host-2',
        },
      ],
    ],
  ],
  summary: { create: 1, update: 2, delete: 1 },
};
