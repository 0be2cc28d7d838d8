import { PgctlError } from '../errors.ts';
import type { StoredResource } from '../plan/resource.ts';
import type {
  DatabaseRecord,
  HostRecord,
  InstanceRecord,
  InstanceStatusRecord,
  LockRecord,
  RunOrigin,
} from '../records/types.ts';
import { corruptError, decodeAll, type Codec, type CorruptValue, type Stored } from './codec.ts';
import { databaseCodec } from './databases.ts';
import { hostCodec } from './hosts.ts';
import { instanceCodec, statusCodec } from './instances.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import type { KeyValue, RangeSpec } from './range.ts';
import { isDead, lockCodec } from './lock-holder.ts';
import { parseClusters, type PatroniCluster } from './patroni.ts';
import { decodePorts, type PortReservation } from './ports.ts';
import { resourceCodec } from './resources.ts';
import type { SealedRecord } from './seal.ts';
import { sealedCodec } from './secrets.ts';

/** Everything the store knows that matters to an operation on one database, at one revision. */
export interface DatabaseSnapshot {
  readonly databaseId: string;
  /** Null where there is no such database; parts of it may be there all the same. */
  readonly database: Stored<DatabaseRecord> | null;
  readonly instances: readonly Stored<InstanceRecord>[];
  /** By instance; one that is missing is normal. */
  readonly statuses: ReadonlyMap<string, Stored<InstanceStatusRecord>>;
  readonly resources: readonly Stored<StoredResource>[];
  /** All reservations, of other databases too: a port is chosen from those that are free. */
  readonly ports: readonly Stored<PortReservation>[];
  /** By name. */
  readonly secrets: ReadonlyMap<string, Stored<SealedRecord>>;
  readonly hosts: ReadonlyMap<string, Stored<HostRecord>>;
  readonly patroni: readonly PatroniCluster[];
  /** Who works on it; null for nobody. */
  readonly lock: LockRecord | null;
  /** The database's own values that could not be read: no operation may go on over one; see `refuseCorrupt`. */
  readonly corrupt: readonly CorruptValue[];
  /** The same of hosts and of reservations; such a port counts as taken, such a host as not registered. */
  readonly corruptElsewhere: readonly CorruptValue[];
}

/** What lists and the status show of all databases, at one revision. */
export interface FleetSnapshot {
  readonly databases: readonly Stored<DatabaseRecord>[];
  readonly instances: readonly Stored<InstanceRecord>[];
  readonly statuses: ReadonlyMap<string, Stored<InstanceStatusRecord>>;
  readonly hosts: ReadonlyMap<string, Stored<HostRecord>>;
  /** By scope, `<database>.<node>`. */
  readonly patroni: ReadonlyMap<string, PatroniCluster>;
  /** Who works on which database. */
  readonly locks: ReadonlyMap<string, LockRecord>;
  readonly corrupt: readonly CorruptValue[];
}

/** In one round trip, as long as no part has more keys than a page. */
export async function readDatabaseSnapshot(kv: Kv, keys: Keys, id: string): Promise<DatabaseSnapshot> {
  const read = await readParts(kv, {
    database: { key: keys.database(id) },
    instances: { key: keys.instancesOf(id), prefix: true },
    statuses: { key: keys.statusesOf(id), prefix: true },
    resources: { key: keys.resourcesOf(id), prefix: true },
    ports: { key: keys.ports(), prefix: true },
    secrets: { key: keys.secretsOf(id), prefix: true },
    hosts: { key: keys.hosts(), prefix: true },
    patroni: { key: keys.patroniOf(id), prefix: true },
    lock: { key: keys.lock(id) },
  });
  const { corrupt, sound } = collector();
  const ports = decodePorts(keys, read.ports);
  const hosts = decodeAll(hostCodec(keys), read.hosts);
  const secretName = (key: string): string => decodeURIComponent(key.slice(keys.secretsOf(id).length));
  return {
    databaseId: id,
    database: sound(databaseCodec(keys), read.database)[0] ?? null,
    instances: sound(instanceCodec(keys), read.instances),
    statuses: by(sound(statusCodec(keys), read.statuses), ({ value }) => value.instance_id),
    resources: sound(resourceCodec(keys, id), read.resources),
    ports: ports.items,
    secrets: by(sound(sealedCodec, read.secrets), ({ key }) => secretName(key)),
    hosts: by(hosts.items, ({ value }) => value.host_id),
    patroni: parseClusters(keys, read.patroni),
    lock: sound(lockCodec, read.lock)[0]?.value ?? null,
    corrupt,
    corruptElsewhere: [...hosts.corrupt, ...ports.corrupt],
  };
}

/** In one round trip, as long as no part has more keys than a page. */
export async function readFleet(kv: Kv, keys: Keys, here: RunOrigin | null = null): Promise<FleetSnapshot> {
  const read = await readParts(kv, {
    databases: { key: keys.databases(), prefix: true },
    instances: { key: keys.instances(), prefix: true },
    statuses: { key: keys.statuses(), prefix: true },
    hosts: { key: keys.hosts(), prefix: true },
    patroni: { key: keys.patroniNamespace, prefix: true },
    locks: { key: keys.locks(), prefix: true },
  });
  const { corrupt, sound } = collector();
  return {
    databases: sound(databaseCodec(keys), read.databases),
    instances: sound(instanceCodec(keys), read.instances),
    statuses: by(sound(statusCodec(keys), read.statuses), ({ value }) => value.instance_id),
    hosts: by(sound(hostCodec(keys), read.hosts), ({ value }) => value.host_id),
    patroni: new Map(parseClusters(keys, read.patroni).map((cluster) => [cluster.scope, cluster])),
    locks: heldLocks(keys, sound(lockCodec, read.locks), here),
    corrupt,
  };
}

/** Who holds the locks of databases, by database id. One that cannot be read is left out. */
export async function readLocks(
  kv: Kv,
  keys: Keys,
  here: RunOrigin | null,
): Promise<ReadonlyMap<string, LockRecord>> {
  return heldLocks(keys, decodeAll(lockCodec, await kv.range(keys.locks())).items, here);
}

/** Without those of processes of this machine that are no more: their leases end soon, and nobody is at work. */
function heldLocks(
  keys: Keys,
  found: readonly Stored<LockRecord>[],
  here: RunOrigin | null,
): ReadonlyMap<string, LockRecord> {
  const held = found.filter(({ value }) => here === null || !isDead(value.from, here));
  return new Map(held.map(({ key, value }) => [key.slice(keys.locks().length), value]));
}

/**
 * For an operation: planning from half of the records would take the other half for absent, and make or
 * remove what they stand for. Values that are not the database's own do not count.
 *
 * @throws PgctlError `store_corrupt`
 */
export function refuseCorrupt(snapshot: DatabaseSnapshot): void {
  if (snapshot.corrupt.length > 0) throw corruptError(snapshot.corrupt);
}

/**
 * The same for the records of hosts that the operation needs. One that cannot be read is not one that is not
 * registered.
 *
 * @throws PgctlError `store_corrupt`
 */
export function refuseCorruptHosts(snapshot: DatabaseSnapshot, hosts: readonly string[]): void {
  const needed = snapshot.corruptElsewhere.filter(({ key }) => {
    const [kind, id = ''] = key.split('/').slice(-2);
    return kind === 'hosts' && hosts.includes(id);
  });
  if (needed.length > 0) throw corruptError(needed);
}

/** The database of a snapshot, which has to be there. @throws PgctlError `not_found` */
export function requireDatabase(snapshot: DatabaseSnapshot): Stored<DatabaseRecord> {
  if (snapshot.database !== null) return snapshot.database;
  refuseCorrupt(snapshot);
  throw new PgctlError('not_found', `there is no database ${snapshot.databaseId}`, {
    hint: 'See `pgctl db list`.',
  });
}

/** Takes the sound ones of each kind, and puts the others on one pile. */
function collector(): {
  readonly corrupt: readonly CorruptValue[];
  readonly sound: <T>(codec: Codec<T>, found: readonly KeyValue[]) => readonly Stored<T>[];
} {
  const corrupt: CorruptValue[] = [];
  return {
    corrupt,
    sound: (codec, found) => {
      const listing = decodeAll(codec, found);
      corrupt.push(...listing.corrupt);
      return listing.items;
    },
  };
}

async function readParts<K extends string>(
  kv: Kv,
  parts: Readonly<Record<K, RangeSpec>>,
): Promise<Readonly<Record<K, readonly KeyValue[]>>> {
  const names = Object.keys(parts) as K[];
  const found = await kv.read(names.map((name) => parts[name]));
  return Object.fromEntries(names.map((name, index) => [name, found[index] ?? []])) as Record<
    K,
    readonly KeyValue[]
  >;
}

function by<T>(items: readonly T[], name: (item: T) => string): ReadonlyMap<string, T> {
  return new Map(items.map((item) => [name(item), item]));
}
