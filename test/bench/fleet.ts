import type { Executor, Resource, ResourceKey, StoredResource } from '../../src/plan/resource.ts';

const PER_NODE = 3;

/** As many instances, numbered from the first. */
interface Fleet {
  readonly first: number;
  readonly size: number;
}

/** Databases of one node with three instances each, as the planners build them. */
export function buildFleet({ first, size }: Fleet): Resource[] {
  const resources: Resource[] = [];
  for (let start = 0; start < size; start += PER_NODE) {
    const hosts = Array.from(
      { length: Math.min(PER_NODE, size - start) },
      (_, member) => first + start + member,
    );
    resources.push(...buildNode(`db-${first + start}.n1`, hosts));
  }
  return resources;
}

function buildNode(scope: string, hosts: readonly number[]): Resource[] {
  const primary: Executor = { kind: 'primary', node: scope };
  const scopeKey: ResourceKey = `patroni_scope/${scope}`;
  const nodeKey: ResourceKey = `node/${scope}`;
  const instances = hosts.map((host) => buildInstance(scope, `host-${String(host)}`, scopeKey));
  const roles = ['owner', 'app'].map((name) => ({
    ...build(`postgres_role/${scope}.${name}`, primary, [nodeKey]),
    attributes: { name, login: true, verifier: 'b1946ac92492d2347c6235b4d2611184' },
    contained_in: nodeKey,
  }));
  return [
    { ...build(scopeKey, { kind: 'controller' }, []), attributes: { scope } },
    ...instances.flat(),
    {
      ...build(
        nodeKey,
        primary,
        hosts.map((host) => `instance/${scope}.host-${String(host)}` as const),
      ),
      attributes: { members: hosts.map((host) => `host-${String(host)}`) },
    },
    ...roles,
    {
      ...build(`postgres_database/${scope}.shop`, primary, [`postgres_role/${scope}.owner`, nodeKey]),
      attributes: { name: 'shop', owner: 'owner', encoding: 'UTF8' },
      contained_in: nodeKey,
    },
  ];
}

function buildInstance(scope: string, host: string, scopeKey: ResourceKey): Resource[] {
  const id = `${scope}.${host}`;
  const executor: Executor = { kind: 'host', host };
  return [
    {
      ...build(`directory/${id}`, executor, []),
      attributes: { path: `/var/lib/pgctl/${id}`, owner: 'postgres', mode: '0700' },
    },
    {
      ...build(`patroni_config/${id}`, executor, [`directory/${id}`]),
      attributes: {
        port: 5432,
        patroni_port: 8008,
        parameters: { max_connections: '100', shared_buffers: '128MB', wal_level: 'logical' },
        hba: ['local all postgres peer', 'host all all 127.0.0.1/32 scram-sha-256'],
      },
      diff_ignore: ['/bootstrap'],
    },
    {
      ...build(`unit/${id}`, executor, [`patroni_config/${id}`, scopeKey]),
      attributes: { unit: `pgctl-${id}.service` },
    },
    {
      ...build(`instance/${id}`, executor, [`unit/${id}`]),
      attributes: { running: true, restart_requested: null, version: '17' },
    },
  ];
}

function build(key: ResourceKey, executor: Executor, dependencies: readonly ResourceKey[]): Resource {
  const slash = key.indexOf('/');
  return {
    type: key.slice(0, slash),
    id: key.slice(slash + 1),
    executor,
    attributes: {},
    dependencies,
    // In the layer that it has anyway, to see what a dependency on a whole type costs.
    type_dependencies: key.startsWith('postgres_database/') ? ['node'] : [],
    diff_ignore: [],
    version: 1,
    contained_in: null,
  };
}

export function storedFleet(fleet: Fleet): StoredResource[] {
  return buildFleet(fleet).map((resource) => ({ ...resource, needs_recreate: false, error: null }));
}
