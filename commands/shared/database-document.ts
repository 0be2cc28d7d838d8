import {
  liveDatabaseState,
  liveInstance,
  type LiveCluster,
  type LiveInstance,
} from '../../src/records/live.ts';
import { IN_PROGRESS } from '../../src/records/states.ts';
import type {
  DatabaseRecord,
  HostRecord,
  InstanceRecord,
  InstanceStatusRecord,
  LockRecord,
  RunOrigin,
  TaskRecord,
} from '../../src/records/types.ts';
import type { DatabaseDocument, InstanceDocument, Interrupted } from '../../src/ui/documents.ts';

/** What a database's document is made from, however it was read. */
export interface DatabaseSource {
  readonly database: DatabaseRecord;
  readonly instances: readonly InstanceRecord[];
  readonly statuses: ReadonlyMap<string, { readonly value: InstanceStatusRecord }>;
  readonly hosts: ReadonlyMap<string, { readonly value: HostRecord }>;
  /** By scope. */
  readonly clusters: ReadonlyMap<string, LiveCluster>;
  /** Who works on it now; null for nobody. */
  readonly lock: LockRecord | null;
  /** Its last task, where that was read. */
  readonly task: TaskRecord | null;
}

/** A record that is in progress while nobody works on it was left so by a run that died. */
function interruption(source: DatabaseSource): Interrupted | undefined {
  const { database, lock, task } = source;
  if (!IN_PROGRESS[database.state] || lock !== null) return undefined;
  const unknown: RunOrigin = { host: 'unknown', boot_id: 'unknown', pid: 0 };
  return {
    task_id: database.last_task_id ?? '',
    who: task?.who ?? 'unknown',
    from: task?.from ?? unknown,
    since: task?.started_at ?? database.updated_at,
  };
}

function instanceDocument(
  source: Omit<DatabaseSource, 'database' | 'instances'>,
  record: InstanceRecord,
  live: LiveInstance,
  interrupted: Interrupted | undefined,
): InstanceDocument {
  const host = source.hosts.get(record.host_id)?.value;
  return {
    kind: 'Instance',
    instance_id: record.instance_id,
    database_id: record.database_id,
    host_id: record.host_id,
    node_name: record.node_name,
    state: live.state,
    role: live.role,
    address:
      host === undefined ? null : (host.advertise ?? (host.address === 'local' ? '127.0.0.1' : host.address)),
    port: record.port,
    patroni_port: record.patroni_port,
    postgres_version: record.postgres_version,
    pending_restart: live.pendingRestart,
    lag_bytes: live.lagBytes,
    timeline: live.timeline,
    running: record.running,
    error: record.error,
    created_at: record.created_at,
    updated_at: record.updated_at,
    ...(interrupted === undefined || !IN_PROGRESS[record.state] ? {} : { interrupted }),
  };
}

/** A database as it is shown: its records, and what is derived from Patroni's keys. */
export function databaseDocument(source: DatabaseSource): DatabaseDocument {
  const { database } = source;
  const instances = source.instances.map((record) => {
    const status = source.statuses.get(record.instance_id)?.value ?? null;
    const cluster = source.clusters.get(`${record.database_id}.${record.node_name}`) ?? null;
    return { record, live: liveInstance(record, status, cluster) };
  });
  const interrupted = interruption(source);
  return {
    kind: 'Database',
    id: database.database_id,
    state: liveDatabaseState(database, instances),
    spec: database.spec,
    uid: database.uid,
    created_at: database.created_at,
    updated_at: database.updated_at,
    error: database.error,
    instances: instances.map(({ record, live }) => instanceDocument(source, record, live, interrupted)),
    last_task_id: database.last_task_id,
    ...(interrupted === undefined ? {} : { interrupted }),
  };
}
