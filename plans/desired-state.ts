import type { JsonObject } from '../src/json.ts';
import type { Resource, ResourceKey } from '../src/plan/resource.ts';
import { resourceKey } from '../src/plan/resource.ts';
import { clusterConfig } from '../src/resources/cluster-config.ts';
import { directory } from '../src/resources/directory.ts';
import { type EtcdTlsDigests, isOverTls } from '../src/resources/etcd-tls.ts';
import { etcdSecret, etcdUser, etcdUserName } from '../src/resources/etcd-user.ts';
import { instance } from '../src/resources/instance.ts';
import { member } from '../src/resources/member.ts';
import { node } from '../src/resources/node.ts';
import { type EtcdLogin, patroniConfig, type SystemSecret } from '../src/resources/patroni-config.ts';
import { patroniScope } from '../src/resources/patroni-scope.ts';
import { postgresDatabase } from '../src/resources/postgres-database.ts';
import { process } from '../src/resources/process.ts';
import { role } from '../src/resources/role.ts';
import { unit } from '../src/resources/unit.ts';
import type { DatabaseSpec } from '../src/spec/types.ts';
import { bracketed, clusterSettings, instanceSettings, patroniSettings } from './patroni-settings.ts';
import type { PlacedInstance } from './placement.ts';

export interface DesiredInput {
  readonly spec: DatabaseSpec;
  readonly uid: string;
  readonly instances: readonly PlacedInstance[];
  /** Key prefix of the store, such as `/pgctl`. */
  readonly prefix: string;
  /** Digests of Patroni's passwords. */
  readonly system_digests: Readonly<Record<SystemSecret, string>>;
  /** Digest of each user's SCRAM verifier; absent for a user without a password. */
  readonly verifier_digests: ReadonlyMap<string, string>;
  /**
   * Digest of the password of each instance's etcd user, by the instance's id; absent where etcd has no users.
   */
  readonly etcd_digests?: ReadonlyMap<string, string> | undefined;
  /** Digests of the files that instances reach an etcd over TLS with. */
  readonly etcd_tls?: EtcdTlsDigests;
}

/** Name of the secret that holds a user's SCRAM verifier. */
export const verifierSecret = (username: string): string => `verifier.${username}`;

/** Everything that a database consists of, as it is wanted: the last of an operation's desired states. */
export function desiredState(input: DesiredInput): Resource[] {
  const resources: Resource[] = [];
  for (const spec of input.spec.nodes) {
    const members = input.instances.filter((placed) => placed.node.name === spec.name);
    resources.push(...desiredNode(input, members));
  }
  return resources;
}

function desiredNode(input: DesiredInput, members: readonly PlacedInstance[]): Resource[] {
  const [first] = members;
  if (first === undefined) return [];
  const { scope } = first;
  const keys = patroniScope(scope);
  const perInstance = members.map((placed) => desiredInstance(input, placed, members, resourceKey(keys)));
  const whole = node(
    { scope, members: members.filter(({ running }) => running).map((placed) => placed.host) },
    perInstance.map(({ server }) => resourceKey(server)),
  );
  const shared = clusterConfig({ scope, config: clusterSettings(input.spec, first.node) }, [
    resourceKey(whole),
  ]);
  return [
    keys,
    ...perInstance.flatMap(({ all }) => all),
    whole,
    shared,
    ...desiredContents(input, scope, resourceKey(whole)),
  ];
}

function desiredInstance(
  input: DesiredInput,
  placed: PlacedInstance,
  members: readonly PlacedInstance[],
  scopeKey: ResourceKey,
): { readonly server: Resource; readonly all: readonly Resource[] } {
  const { instance_id, host, dir, bin_dir } = placed;
  const settings = { spec: input.spec, placed, members, prefix: input.prefix };
  const database_uid = input.uid;
  const place = directory(host, { path: dir, owner: placed.run_user, instance_id, database_uid });
  const guard_key = `${input.prefix}/v1/guards/${instance_id}`;
  const scope_prefix = `${input.prefix}/patroni/${placed.scope}/`;
  const login = etcdLogin(input, instance_id);
  const admitted =
    login === null
      ? []
      : [
          etcdUser({
            ...{ instance_id, scope: placed.scope, member: host, scope_prefix, guard_key },
            ...login,
          }),
        ];
  const config = patroniConfig(
    host,
    {
      instance_id,
      database_uid,
      dir,
      bin_dir,
      python: placed.python,
      endpoints: placed.endpoints,
      guard_key,
      scope_prefix,
      config: patroniSettings(settings) as JsonObject,
      secret_digests: input.system_digests,
      ...(login === null ? {} : { etcd_user: login }),
      ...(isOverTls(placed.endpoints) ? { etcd_tls: input.etcd_tls ?? {} } : {}),
    },
    [resourceKey(place)],
  );
  const config_file = `${dir}/patroni.yml`;
  const known = member({ scope: placed.scope, name: host }, scopeKey);
  const before = [resourceKey(place), scopeKey, resourceKey(known), ...admitted.map(resourceKey)];
  const manager =
    placed.manager === 'systemd'
      ? unit(
          host,
          { instance_id, database_uid, dir, user: placed.run_user, patroni: placed.patroni, config_file },
          before,
        )
      : process(host, { instance_id, dir, patroni: placed.patroni, config_file }, before);
  const server = instance(
    host,
    {
      instance_id,
      manager: placed.manager,
      dir,
      bin_dir,
      socket_dir: placed.socket_dir,
      port: placed.port,
      patroni_port: placed.patroni_port,
      patroni: placed.patroni,
      python: placed.python,
      postgres_version: input.spec.postgres_version ?? '',
      running: placed.running,
      restart_requested: placed.restart_requested,
      member: host,
      rest: `${bracketed(placed.advertise)}:${placed.patroni_port}`,
      settings: instanceSettings(settings),
    },
    [resourceKey(config), resourceKey(manager)],
  );
  return { server, all: [...admitted, place, config, known, manager, server] };
}

/** Who an instance is in etcd; null where etcd has no users. */
function etcdLogin({ prefix, etcd_digests }: DesiredInput, instanceId: string): EtcdLogin | null {
  if (etcd_digests === undefined) return null;
  return {
    user: etcdUserName(prefix, instanceId),
    password: etcdSecret(instanceId),
    password_digest: etcd_digests.get(instanceId) ?? '',
  };
}

/** Roles, then the database that one of them owns. */
function desiredContents(input: DesiredInput, scope: string, nodeKey: ResourceKey): Resource[] {
  const names = new Set(input.spec.database_users.map((user) => user.username));
  const roles = input.spec.database_users.map((user) => {
    const digest = input.verifier_digests.get(user.username) ?? null;
    return role(
      scope,
      {
        name: user.username,
        database: input.spec.database_name,
        options: user.attributes,
        member_of: user.roles,
        verifier: digest === null ? null : verifierSecret(user.username),
        verifier_digest: digest,
      },
      [
        nodeKey,
        ...user.roles
          .filter((group) => names.has(group))
          .map((group): ResourceKey => `role/${scope}.${group}`),
      ],
    );
  });
  const owner = input.spec.database_users.find((user) => user.db_owner)?.username ?? null;
  const database = postgresDatabase(scope, { name: input.spec.database_name, owner }, [
    nodeKey,
    ...(owner === null ? [] : [`role/${scope}.${owner}` as ResourceKey]),
  ]);
  return [...roles, database];
}
