import type { EtcdHealth } from '../records/etcd-health.ts';
import type { LockRecord, MetaRecord, RunOrigin } from '../records/types.ts';
import type { Secret } from '../secret.ts';
import { acquireLock, LOCK_TIMING, type LockTiming, type Waiting } from './acquire.ts';
import type { EtcdUser, TlsOptions } from './channel.ts';
import { Databases } from './databases.ts';
import { parseEndpoints } from './endpoints.ts';
import { lookAtEtcd } from './etcd-health.ts';
import { EtcdUsers } from './etcd-users.ts';
import { follow, type Follower, type FollowTiming } from './follow.ts';
import { Guards } from './guards.ts';
import { Hosts } from './hosts.ts';
import { Instances } from './instances.ts';
import { Keys } from './keys.ts';
import { Kv } from './kv.ts';
import type { DatabaseLock } from './lock.ts';
import {
  assertWritable,
  FORMAT,
  prepareToChange,
  readMeta,
  renewIfPutBack,
  storeKey,
  type Changeable,
} from './meta.ts';
import { deleteDatabaseRecords, fail, finalize } from './outcome.ts';
import { Patroni } from './patroni.ts';
import { updatePlannedInstanceStates } from './planned.ts';
import { Ports } from './ports.ts';
import { Resources } from './resources.ts';
import type { SealingKey } from './seal.ts';
import { sealingKeyFile } from './sealing-key.ts';
import { Secrets } from './secrets.ts';
import {
  readDatabaseSnapshot,
  readFleet,
  readLocks,
  type DatabaseSnapshot,
  type FleetSnapshot,
} from './snapshot.ts';
import { newTaskId, Tasks } from './tasks.ts';

export type { DatabaseSnapshot, FleetSnapshot, Follower };

export interface StoreOptions {
  readonly endpoints: readonly string[];
  readonly tls: TlsOptions | null;
  readonly auth: EtcdUser | null;
  /** Of all keys, such as `/pgctl`. */
  readonly prefix: string;
  /** Says where the sealing key is. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** This process, so that a lock of one that died on this machine is known to be nobody's. */
  readonly here?: RunOrigin;
  /** For tests: shorter times. */
  readonly timing?: Partial<CallTiming & LockTiming>;
}

/** How long is waited for etcd, in milliseconds; see `KvOptions`. */
export interface CallTiming {
  readonly attemptMs: number;
  readonly totalMs: number;
  readonly firstContactMs: number;
}

const CALL_TIMING: CallTiming = { attemptMs: 2000, totalMs: 30_000, firstContactMs: 8000 };

type Rest<F> = F extends (place: never, ...rest: infer R) => infer T ? (...rest: R) => T : never;

/** What pgctl keeps in etcd. Reading needs no sealing key; the first change asks for it. */
export class Store {
  readonly kv: Kv;
  readonly keys: Keys;
  readonly hosts: Hosts;
  readonly databases: Databases;
  readonly instances: Instances;
  readonly resources: Resources;
  readonly ports: Ports;
  readonly secrets: Secrets;
  readonly guards: Guards;
  readonly tasks: Tasks;
  readonly patroni: Patroni;
  readonly etcdUsers: EtcdUsers;
  readonly #place: Pick<StoreOptions, 'tls' | 'auth'> & { readonly limitMs: number };
  readonly #keyFile: string;
  readonly #lockTiming: LockTiming;
  readonly #here: RunOrigin | null;
  #changeable: Promise<Changeable> | null = null;

  constructor(options: StoreOptions) {
    const timing = { ...CALL_TIMING, ...LOCK_TIMING, ...options.timing };
    this.keys = new Keys(options.prefix);
    this.kv = new Kv({ ...timing, ...options, endpoints: parseEndpoints(options.endpoints) });
    this.#place = { tls: options.tls, auth: options.auth, limitMs: timing.attemptMs };
    this.#keyFile = sealingKeyFile(options.env);
    this.#lockTiming = timing;
    this.#here = options.here ?? null;
    this.hosts = new Hosts(this.kv, this.keys, () => this.prepareToChange());
    this.databases = new Databases(this.kv, this.keys);
    this.instances = new Instances(this.kv, this.keys);
    this.resources = new Resources(this.kv, this.keys);
    this.ports = new Ports(this.kv, this.keys);
    this.secrets = new Secrets(this.keys);
    this.guards = new Guards(this.kv, this.keys);
    this.tasks = new Tasks(this.kv, this.keys);
    this.patroni = new Patroni(this.kv, this.keys);
    this.etcdUsers = new EtcdUsers(this.kv);
  }

  /** Of all keys, such as `/pgctl`. */
  get prefix(): string {
    return this.keys.prefix;
  }

  /** How etcd is, at each of its endpoints; throws nothing. */
  async health(): Promise<EtcdHealth> {
    const looked = await lookAtEtcd(this.kv.endpoints, this.#place, () => Date.now());
    const answers = looked.endpoints.some(({ error }) => error === null);
    return { ...looked, rights: answers ? await this.etcdUsers.rights().catch(() => null) : null };
  }

  /** Null where nothing was ever written. */
  meta(): Promise<MetaRecord | null> {
    return readMeta(this.kv, this.keys);
  }

  /** The store's format where a newer pgctl wrote it; null for one that is known here. Reading goes on. */
  async newerFormat(): Promise<number | null> {
    const format = (await this.meta())?.format ?? FORMAT;
    return format > FORMAT ? format : null;
  }

  /**
   * The right to change the store, asked for once: its meta record (made now if there is none) and the key
   * that seals its secrets.
   *
   * @throws PgctlError `store_newer`, `secret_key`
   */
  prepareToChange(): Promise<Changeable> {
    this.kv.expectChanges();
    this.#changeable ??= prepareToChange(this.kv, this.keys, this.#keyFile).catch((error: unknown) => {
      this.#changeable = null;
      throw error;
    });
    return this.#changeable;
  }

  /** See there; the right to change the store is asked for anew after it. */
  async renewIfPutBack(storeId: string, seen: string): Promise<string | null> {
    const revision = await renewIfPutBack(this.kv, this.keys, { storeId, seen });
    if (revision !== null) this.#changeable = null;
    return revision;
  }

  /** The key that opens this store's secrets, for reading. @throws PgctlError `not_found`, `secret_key` */
  sealingKey(): Promise<SealingKey> {
    return storeKey(this.kv, this.keys, this.#keyFile);
  }

  /**
   * Takes a database's lock, for an operation that changes it.
   *
   * @throws PgctlError `lock_held`, `store_newer`
   */
  async acquireLock(databaseId: string, record: LockRecord, waiting: Waiting): Promise<DatabaseLock> {
    await this.assertWritable();
    const { kv, keys } = this;
    return acquireLock({ kv, keys, databaseId, record, timing: this.#lockTiming }, waiting);
  }

  /** For changes that need no secret, and so no sealing key. @throws PgctlError `store_newer` */
  assertWritable(): Promise<void> {
    return assertWritable(this.kv, this.keys);
  }

  /** Who works on which database, by its id. */
  locks(): Promise<ReadonlyMap<string, LockRecord>> {
    return readLocks(this.kv, this.keys, this.#here);
  }

  /** Everything that matters to an operation on one database, at one revision and in one round trip. */
  readDatabase(id: string): Promise<DatabaseSnapshot> {
    return readDatabaseSnapshot(this.kv, this.keys, id);
  }

  /**
   * The database's secrets, by name. Asks for the sealing key only where there is a secret.
   *
   * @throws PgctlError `secret_key`, `store_corrupt`
   */
  async openSecrets(snapshot: Pick<DatabaseSnapshot, 'secrets'>): Promise<ReadonlyMap<string, Secret>> {
    if (snapshot.secrets.size === 0) return new Map();
    const key = this.#changeable === null ? await this.sealingKey() : (await this.#changeable).key;
    return new Map([...snapshot.secrets].map(([name, stored]) => [name, this.secrets.open(stored, key)]));
  }

  /** A task's id, in the order of their times; see `tasks.ts`. @param random at least six bytes */
  newTaskId(now: Date, random: Uint8Array): string {
    return newTaskId(now, random);
  }

  /** What lists and the status show of all databases, at one revision. */
  readFleet(): Promise<FleetSnapshot> {
    return readFleet(this.kv, this.keys, this.#here);
  }

  /** Follows everything that `readFleet` shows, until the signal fires; see `follow`. */
  followFleet(follower: Follower, signal: AbortSignal, timing?: FollowTiming): Promise<void> {
    const { kv, keys } = this;
    const prefixes = [
      keys.databases(),
      keys.instances(),
      keys.statuses(),
      keys.hosts(),
      keys.locks(),
      keys.patroniNamespace,
    ];
    return follow({ kv, prefixes, ...(timing === undefined ? {} : { timing }) }, follower, signal);
  }

  readonly updatePlannedInstanceStates: Rest<typeof updatePlannedInstanceStates> = (...rest) =>
    updatePlannedInstanceStates(this, ...rest);

  readonly finalize: Rest<typeof finalize> = (...rest) => finalize(this, ...rest);

  readonly fail: Rest<typeof fail> = (...rest) => fail(this, ...rest);

  readonly deleteDatabaseRecords: Rest<typeof deleteDatabaseRecords> = (...rest) =>
    deleteDatabaseRecords(this, ...rest);

  close(): void {
    this.kv.close();
  }
}

/** Opens nothing yet: etcd is reached for with the first call. @throws PgctlError `usage` */
export function openStore(options: StoreOptions): Store {
  return new Store(options);
}
