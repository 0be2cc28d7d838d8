import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { Plan, PlanEvent } from '../../src/plan/plan.ts';
import type { StoredResource } from '../../src/plan/resource.ts';
import type { InstanceDraft } from '../../src/records/planned.ts';
import type {
  DatabaseRecord,
  HostRecord,
  InstanceRecord,
  LockRecord,
  RunOrigin,
  TaskRecord,
} from '../../src/records/types.ts';
import type { DatabaseLock } from '../../src/store/lock.ts';
import { openStore, type Store, type StoreOptions } from '../../src/store/store.ts';
import type { Etcd } from './etcd.ts';

export const NOW = '2026-04-12T10:15:30.123Z';
export const LATER = '2026-04-12T10:16:00.000Z';

/** A prefix per call, so that tests of one file share an etcd and nothing else. */
let prefixes = 0;
export function newPrefix(): string {
  prefixes += 1;
  return `/test-${process.pid}-${prefixes}`;
}

const scratch: string[] = [];
afterAll(() => {
  for (const directory of scratch) rmSync(directory, { recursive: true, force: true });
});

/** A new directory that is gone when the tests of the file are over. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'pgctl-store-'));
  scratch.push(directory);
  return directory;
}

/** Where the tests of one file keep their sealing key. */
export const KEY_FILE = join(scratchDirectory(), 'secret.key');

export function storeOn(etcd: Pick<Etcd, 'endpoint'>, options: Partial<StoreOptions> = {}): Store {
  return openStore({
    endpoints: [etcd.endpoint],
    tls: null,
    auth: null,
    prefix: newPrefix(),
    env: { PGCTL_SECRET_KEY_FILE: KEY_FILE },
    ...options,
  });
}

export const HERE: RunOrigin = { host: 'here', boot_id: 'b1', pid: process.pid };

export function lockRecord(changes: Partial<LockRecord> = {}): LockRecord {
  return { who: 'ann', from: HERE, command: 'pgctl db create shop', task_id: 't1', since: NOW, ...changes };
}

export function lockOf(
  store: Store,
  database = 'shop',
  changes: Partial<LockRecord> = {},
): Promise<DatabaseLock> {
  return store.acquireLock(database, lockRecord(changes), { waitMs: 0 });
}

export function database(id: string, changes: Partial<DatabaseRecord> = {}): DatabaseRecord {
  return {
    database_id: id,
    spec: { id },
    state: 'available',
    uid: `uid-${id}`,
    last_task_id: null,
    created_at: NOW,
    updated_at: NOW,
    error: null,
    ...changes,
  };
}

export function instance(id: string, changes: Partial<InstanceRecord> = {}): InstanceRecord {
  const [databaseId = '', node = '', host = ''] = id.split('.');
  return {
    instance_id: id,
    database_id: databaseId,
    host_id: host,
    node_name: node,
    state: 'available',
    port: 5432,
    patroni_port: 8008,
    postgres_version: '17.4',
    running: true,
    restart_requested: null,
    error: null,
    created_at: NOW,
    updated_at: NOW,
    ...changes,
  };
}

/** What a planner says of an instance. */
export function draft(id: string): InstanceDraft {
  const { state: _state, error: _error, created_at: _created, updated_at: _updated, ...said } = instance(id);
  return said;
}

export function task(id: string, changes: Partial<TaskRecord> = {}): TaskRecord {
  return {
    task_id: id,
    operation: 'create',
    scope: 'database',
    entity_id: 'shop',
    databases: ['shop'],
    state: 'running',
    error: null,
    who: 'ann',
    from: HERE,
    started_at: NOW,
    finished_at: null,
    events: { total: 3, done: 0, failed: 0, not_reached: 0 },
    ...changes,
  };
}

export function host(id: string, changes: Partial<HostRecord> = {}): HostRecord {
  return {
    host_id: id,
    address: '10.0.0.1',
    advertise: null,
    ssh: { user: null, port: null, identity_file: null },
    host_keys: ['ssh-ed25519 AAAA'],
    service_manager: 'systemd',
    base_dir: '/var/lib/pgctl',
    host_endpoints: null,
    labels: {},
    facts: null,
    created_at: NOW,
    updated_at: NOW,
    ...changes,
  };
}

export function resource(type: string, id: string, changes: Partial<StoredResource> = {}): StoredResource {
  return {
    type,
    id,
    executor: { kind: 'controller' },
    attributes: { port: 5432 },
    dependencies: [],
    after: [],
    type_dependencies: [],
    diff_ignore: [],
    version: 1,
    contained_in: null,
    needs_recreate: false,
    error: null,
    ...changes,
  };
}

export function event(type: PlanEvent['type'], resourceType: string, id: string): PlanEvent {
  return { type, reason: 'does_not_exist', resource: resource(resourceType, id), previous: null };
}

/** A plan of one event per phase. */
export function planOf(...events: readonly PlanEvent[]): Plan {
  return events.map((each) => [each]);
}

/** The error that something ends in. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: unknown) => error,
  );
}
