import type { Plan, PlanEvent } from '../../src/plan/plan.ts';
import type { LiveCluster, LiveMember } from '../../src/records/live.ts';
import type { DatabaseRecord, InstanceRecord, TaskRecord } from '../../src/records/types.ts';

export const THEN = '2026-01-01T00:00:00.000Z';
export const NOW = '2026-02-02T00:00:00.000Z';

/** The record of shop's instance on a host. */
export function instanceOn(host: string, changes: Partial<InstanceRecord> = {}): InstanceRecord {
  return {
    instance_id: `shop.n1.${host}`,
    database_id: 'shop',
    host_id: host,
    node_name: 'n1',
    state: 'available',
    port: 5432,
    patroni_port: 8008,
    postgres_version: '17.5',
    running: true,
    restart_requested: null,
    error: null,
    created_at: THEN,
    updated_at: THEN,
    ...changes,
  };
}

export function database(changes: Partial<DatabaseRecord> = {}): DatabaseRecord {
  return {
    database_id: 'shop',
    spec: { id: 'shop' },
    state: 'available',
    uid: 'u1',
    last_task_id: 't1',
    created_at: THEN,
    updated_at: THEN,
    error: null,
    ...changes,
  };
}

export const TASK: TaskRecord = {
  task_id: 't1',
  operation: 'create',
  scope: 'database',
  entity_id: 'shop',
  databases: ['shop'],
  state: 'running',
  error: null,
  who: 'alice',
  from: { host: 'laptop', boot_id: 'b', pid: 1 },
  started_at: THEN,
  finished_at: null,
  events: { total: 1, done: 0, failed: 0, not_reached: 0 },
};

/** What Patroni says of a replica that streams. */
export function member(name: string, changes: Partial<LiveMember> = {}): LiveMember {
  return {
    name,
    state: 'streaming',
    role: 'replica',
    timeline: 1,
    xlogLocation: 1000n,
    pendingRestart: false,
    ...changes,
  };
}

export const primary = (name: string, changes: Partial<LiveMember> = {}): LiveMember =>
  member(name, { state: 'running', role: 'primary', ...changes });

export function cluster(members: readonly LiveMember[], changes: Partial<LiveCluster> = {}): LiveCluster {
  const leader = members.find(({ role }) => role === 'primary')?.name ?? null;
  return { scope: 'shop.n1', leader, leaderOptime: 1000n, members, ...changes };
}

/** A plan of events given as `create instance/shop.n1.a`, in phases. */
export function plan(...phases: readonly (readonly string[])[]): Plan {
  return phases.map((phase) =>
    phase.map((words): PlanEvent => {
      const [type = '', key = ''] = words.split(' ');
      const [kind = '', id = ''] = key.split('/');
      const resource: PlanEvent['resource'] = {
        type: kind,
        id,
        executor: { kind: 'controller' },
        attributes: {},
        dependencies: [],
        type_dependencies: [],
        diff_ignore: [],
        version: 1,
        contained_in: null,
      };
      return { type: type as PlanEvent['type'], reason: 'has_diff', resource, previous: null };
    }),
  );
}
