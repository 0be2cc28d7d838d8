import { quoteHbaName } from '../src/steps/quote.ts';
import { programsDir, REPLICATION_USER, SUPERUSER } from '../src/resources/patroni-config.ts';
import { effectiveNode } from '../src/spec/effective.ts';
import { dynamicParameters, isDynamicParameter } from '../src/spec/parameters.ts';
import type { InstanceSettings } from '../src/resources/instance.ts';
import type { JsonObject } from '../src/json.ts';
import type { DatabaseSpec, NodeSpec } from '../src/spec/types.ts';
import type { PlacedInstance } from './placement.ts';

export interface SettingsInput {
  readonly spec: DatabaseSpec;
  readonly placed: PlacedInstance;
  /** All instances of the node, this one among them. */
  readonly members: readonly PlacedInstance[];
  readonly prefix: string;
}

/** Name of the map that lets the host's own accounts in as the superuser through the socket. */
const PEER_MAP = 'pgctl';

/**
 * What Postgres has other defaults for. A replica that finds its primary away asks again after half a second, not after
 * five: whoever restarts or moves a primary waits for that.
 */
const DEFAULTS = { wal_retrieve_retry_interval: '500ms' } as const;

/** The parameters that stand in an instance's own configuration; the others are the cluster's. */
function ownParameters(input: SettingsInput): Record<string, string> {
  const given = Object.entries(effectiveNode(input.spec, input.placed.node).postgresql_conf);
  return {
    ...DEFAULTS,
    ...Object.fromEntries(given.filter(([name]) => !isDynamicParameter(name))),
    unix_socket_directories: input.placed.socket_dir,
    password_encryption: 'scram-sha-256',
  };
}

/** What an instance is to be in line with when it runs. */
export function instanceSettings(input: SettingsInput): InstanceSettings {
  const own = effectiveNode(input.spec, input.placed.node);
  return {
    parameters: { ...dynamicParameters(own.postgresql_conf), ...ownParameters(input) },
    pg_hba: hbaLines(input, own.pg_hba_conf),
    pg_ident: identLines(input.placed, own.pg_ident_conf),
  };
}

/** What Patroni keeps in etcd for a node as a whole. */
export function clusterSettings(spec: DatabaseSpec, node: NodeSpec): JsonObject {
  return {
    ttl: 30,
    loop_wait: 10,
    retry_timeout: 10,
    maximum_lag_on_failover: 1_048_576,
    failsafe_mode: true,
    postgresql: {
      use_pg_rewind: true,
      use_slots: true,
      parameters: dynamicParameters(effectiveNode(spec, node).postgresql_conf),
    },
  };
}

/** An address as pg_hba.conf wants it: numeric ones with their full mask, names as they are. */
function hbaAddress(address: string): string {
  if (/^\d+(\.\d+){3}$/.test(address)) return `${address}/32`;
  return address.includes(':') ? `${address}/128` : address;
}

/** pgctl's lines come first, so that a user's line cannot lock out the members; nobody else is let in by default. */
function hbaLines(input: SettingsInput, own: readonly string[]): string[] {
  const addresses = [...new Set(input.members.map((member) => hbaAddress(member.advertise)))];
  const superuser = quoteHbaName(SUPERUSER);
  const replication = quoteHbaName(REPLICATION_USER);
  return [
    `local all ${superuser} peer map=${PEER_MAP}`,
    `local replication ${replication} peer map=${PEER_MAP}`,
    'local all all peer',
    ...addresses.flatMap((address) => [
      `host replication ${replication} ${address} scram-sha-256`,
      `host all all ${address} scram-sha-256`,
    ]),
    'host all all 127.0.0.1/32 scram-sha-256',
    'host all all ::1/128 scram-sha-256',
    ...own,
  ];
}

function identLines(placed: PlacedInstance, own: readonly string[]): string[] {
  const accounts = [...new Set([placed.run_user, 'root'])];
  return [
    ...accounts.flatMap((account) =>
      [SUPERUSER, REPLICATION_USER].map(
        (role) => `${PEER_MAP} ${quoteHbaName(account)} ${quoteHbaName(role)}`,
      ),
    ),
    ...own,
  ];
}

/** Where etcd is, as Patroni wants it. */
function etcdSection(endpoints: readonly string[]): object {
  const [first = ''] = endpoints;
  // Not by URL, which drops a scheme's own port: Patroni would then take etcd's.
  const hosts = endpoints.map((endpoint) => endpoint.replace(/^https?:\/\//, ''));
  return { hosts, protocol: first.startsWith('https:') ? 'https' : 'http' };
}

/** An address as it stands before a port. */
export const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/**
 * Patroni's configuration of one instance, without its passwords.
 *
 * Only the first instance has a `bootstrap` section: a member without one never initializes a cluster, so all
 * of them can be started at once and the first is the primary all the same. `failsafe_mode` keeps a primary
 * writable while etcd is away, as long as it reaches its members.
 */
export function patroniSettings(input: SettingsInput): object {
  const { placed } = input;
  const { pg_hba, pg_ident } = instanceSettings(input);
  const address = bracketed(placed.advertise);
  const local = placed.advertise === '127.0.0.1';
  return {
    scope: placed.scope,
    namespace: `${input.prefix}/patroni/`,
    name: placed.host,
    log: { level: 'INFO' },
    restapi: {
      listen: `${address}:${placed.patroni_port}`,
      connect_address: `${address}:${placed.patroni_port}`,
    },
    etcd3: etcdSection(placed.endpoints),
    ...(placed.first ? { bootstrap: bootstrapSection(input) } : {}),
    postgresql: {
      listen: `${local ? '127.0.0.1' : '*'}:${placed.port}`,
      connect_address: `${address}:${placed.port}`,
      bin_dir: programsDir(placed.dir),
      data_dir: `${placed.dir}/data`,
      pgpass: `${placed.dir}/pgpass`,
      use_unix_socket: true,
      use_unix_socket_repl: true,
      parameters: ownParameters(input),
      pg_hba,
      pg_ident,
      create_replica_methods: ['pgctl'],
      pgctl: { command: `${placed.dir}/bin/replica` },
    },
    watchdog: { mode: 'off' },
  };
}

function bootstrapSection({ spec, placed }: SettingsInput): object {
  return {
    dcs: clusterSettings(spec, placed.node),
    initdb: [
      { encoding: 'UTF8' },
      { locale: 'C.UTF-8' },
      'data-checksums',
      { 'auth-local': 'peer' },
      { 'auth-host': 'scram-sha-256' },
    ],
    post_bootstrap: `${placed.dir}/bin/post-bootstrap`,
  };
}
