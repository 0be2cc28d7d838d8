import { desiredState } from '../../plans/desired-state.ts';
import {
  type PlacedInstance,
  type Placement,
  placeInstances,
  type PlacementInput,
} from '../../plans/placement.ts';
import type { Resource, StoredResource } from '../../src/plan/resource.ts';
import type { HostFacts, HostRecord, InstanceRecord } from '../../src/records/types.ts';
import type { DatabaseSpec, NodeSpec, UserSpec } from '../../src/spec/types.ts';

const THEN = '2026-01-01T00:00:00.000Z';

export const FACTS: HostFacts = {
  os: 'Debian GNU/Linux 13 (trixie)',
  kernel: '6.12.0',
  hostname: 'host',
  machine_id: null,
  cpus: 4,
  memory_bytes: 8 * 1024 ** 3,
  disk_free_bytes: 100 * 1024 ** 3,
  disk_total_bytes: 200 * 1024 ** 3,
  privileges: 'root',
  run_user: 'postgres',
  run_user_home: '/var/lib/postgresql',
  clock_skew_seconds: 0,
  postgres: [{ version: '17.5', bin_dir: '/usr/lib/postgresql/17/bin' }],
  patroni: { version: '4.0.4', path: '/usr/bin/patroni', python: '/usr/bin/python3' },
  systemd: true,
  gathered_at: THEN,
};

/** A host `host-<n>` at 10.0.0.<n>, under systemd. */
export function host(n: number, changes: Partial<HostRecord> = {}): HostRecord {
  return {
    host_id: `host-${n}`,
    address: `10.0.0.${n}`,
    advertise: null,
    ssh: { user: null, port: null, identity_file: null },
    host_keys: [],
    service_manager: 'systemd',
    base_dir: '/var/lib/pgctl',
    host_endpoints: null,
    labels: {},
    facts: FACTS,
    created_at: THEN,
    updated_at: THEN,
    ...changes,
  };
}

/** A host on pgctl's own machine. */
export const localHost = (n: number, changes: Partial<HostRecord> = {}): HostRecord =>
  host(n, {
    host_id: `local-${n}`,
    address: 'local',
    service_manager: 'process',
    base_dir: '/var/lib/pgctl/local',
    ...changes,
  });

export const withPostgres = (...versions: string[]): HostFacts => ({
  ...FACTS,
  postgres: versions.map((version) => ({
    version,
    bin_dir: `/usr/lib/postgresql/${Number.parseInt(version, 10)}/bin`,
  })),
});

export const user = (username: string, changes: Partial<UserSpec> = {}): UserSpec => ({
  username,
  db_owner: false,
  attributes: ['LOGIN'],
  roles: [],
  ...changes,
});

export type SpecChanges = Partial<Omit<DatabaseSpec, 'nodes'>> & {
  readonly hosts?: readonly string[];
  readonly node?: Partial<NodeSpec>;
};

/** The database `shop` on these hosts, host-1 to host-3 unless said otherwise. */
export function spec({
  hosts = ['host-1', 'host-2', 'host-3'],
  node = {},
  ...changes
}: SpecChanges = {}): DatabaseSpec {
  return {
    id: 'shop',
    database_name: 'shop',
    nodes: [
      { name: 'n1', host_ids: hosts, postgresql_conf: {}, pg_hba_conf: [], pg_ident_conf: [], ...node },
    ],
    database_users: [],
    postgresql_conf: {},
    pg_hba_conf: [],
    pg_ident_conf: [],
    ...changes,
  };
}

export function instanceRecord(id: string, changes: Partial<InstanceRecord> = {}): InstanceRecord {
  const [database_id = '', node_name = '', host_id = ''] = id.split('.');
  return {
    instance_id: id,
    database_id,
    host_id,
    node_name,
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

export interface PlacementChanges extends Partial<Omit<PlacementInput, 'hosts' | 'spec'>> {
  readonly spec?: DatabaseSpec;
  readonly hosts?: readonly HostRecord[];
}

/** Places `shop` on three hosts where nothing is, unless told otherwise. */
export function place({
  hosts = [1, 2, 3].map((n) => host(n)),
  ...changes
}: PlacementChanges = {}): Placement {
  return placeInstances({
    spec: spec(),
    instances: [],
    reserved: new Map(),
    listening: new Map(),
    endpoints: ['http://10.0.0.9:2379'],
    ...changes,
    hosts: new Map(hosts.map((record) => [record.host_id, record])),
  });
}

export function placed(changes: PlacementChanges = {}): readonly PlacedInstance[] {
  const placement = place(changes);
  if (!placement.ok) throw new Error(JSON.stringify(placement));
  return placement.instances;
}

export const UID = '3f6c1a52-0d3b-4a57-9c8e-1f2a3b4c5d6e';
const DIGESTS = { superuser: 'd1', replication: 'd2', restapi: 'd3' };

/** The state that creating a database leads to. */
export function desired(
  changes: PlacementChanges = {},
  verifiers: Readonly<Record<string, string>> = {},
  { etcdUsers = false }: { readonly etcdUsers?: boolean } = {},
): Resource[][] {
  const instances = placed(changes);
  return [
    desiredState({
      spec: changes.spec ?? spec(),
      uid: UID,
      instances,
      prefix: '/pgctl',
      system_digests: DIGESTS,
      verifier_digests: new Map(Object.entries(verifiers)),
      etcd_digests: etcdUsers ? new Map(instances.map(({ instance_id }) => [instance_id, 'd4'])) : undefined,
    }),
  ];
}

/** Resources as an operation that succeeded left them, but for some. */
export function left(
  resources: readonly Resource[],
  but: (resource: Resource) => Partial<StoredResource> | null = () => ({}),
): StoredResource[] {
  return resources.flatMap((resource) => {
    const changes = but(resource);
    return changes === null ? [] : [{ ...resource, needs_recreate: false, error: null, ...changes }];
  });
}
