import { PgctlError } from '../errors.ts';
import type { HostFacts, HostRecord, Timestamp } from '../records/types.ts';
import type { Codec, Listing, Stored } from './codec.ts';
import { commitUnlocked } from './commit.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import { readOccupants, refuseOccupied, type Occupants } from './occupants.ts';
import { Records } from './records.ts';
import {
  arrayOf,
  boolean,
  integer,
  mapOf,
  nullable,
  number,
  object,
  oneOf,
  type Shape,
  string,
} from './shapes.ts';
import { putRecord, type Expect, type Write } from './write.ts';

const factsShape: Shape<HostFacts> = object({
  os: string,
  kernel: string,
  hostname: string,
  machine_id: nullable(string),
  cpus: number,
  memory_bytes: number,
  disk_free_bytes: number,
  disk_total_bytes: number,
  privileges: oneOf(['root', 'sudo', 'none']),
  run_user: string,
  run_user_home: nullable(string),
  clock_skew_seconds: number,
  postgres: arrayOf(object({ version: string, bin_dir: string })),
  patroni: nullable(object({ version: string, path: string, python: string })),
  systemd: boolean,
  gathered_at: string,
});

const shape: Shape<HostRecord> = object({
  host_id: string,
  address: string,
  advertise: nullable(string),
  ssh: object({
    user: nullable(string),
    port: nullable(integer()),
    identity_file: nullable(string),
  }),
  host_keys: arrayOf(string),
  service_manager: oneOf(['systemd', 'process']),
  base_dir: string,
  host_endpoints: nullable(arrayOf(string)),
  labels: mapOf(string),
  facts: nullable(factsShape),
  created_at: string,
  updated_at: string,
});

export function hostCodec(
  keys: Keys,
): Codec<HostRecord> & { readonly keyOf: (record: HostRecord) => string } {
  return { shape, keyOf: (record) => keys.host(record.host_id) };
}

/** Hosts belong to no database, so their records are guarded by their own revisions and not by a lock. */
export class Hosts {
  readonly #kv: Kv;
  readonly #keys: Keys;
  readonly #records: Records<HostRecord>;
  readonly #prepare: () => Promise<unknown>;

  /** `prepare` makes sure that the store may be changed. */
  constructor(kv: Kv, keys: Keys, prepare: () => Promise<unknown>) {
    this.#kv = kv;
    this.#keys = keys;
    this.#records = new Records(kv, hostCodec(keys));
    this.#prepare = prepare;
  }

  get(host: string): Promise<Stored<HostRecord> | null> {
    return this.#records.at(this.#keys.host(host));
  }

  list(): Promise<Listing<HostRecord>> {
    return this.#records.under(this.#keys.hosts());
  }

  /**
   * Asks etcd whether its user may write a host's record, and writes nothing: before a machine is looked at
   * for a record that cannot be kept.
   *
   * @throws PgctlError `etcd_refused`
   */
  async assertPermitted(host: string): Promise<void> {
    const key = this.#keys.host(host);
    // Rights are asked for all that a transaction could do, and no key has this version.
    const compare = [{ key, version: '-1' }];
    await this.#kv.txn({ compare, success: [{ op: 'put', key, value: '' }], failure: [] });
  }

  /**
   * Writes a host's record. Returns its new mod revision.
   *
   * @throws PgctlError `stale` where it is not as expected
   */
  async put(record: HostRecord, expect: Expect): Promise<string> {
    await this.#prepare();
    return commitUnlocked(this.#kv, this.#keys, [this.#records.write(record, expect)]);
  }

  /**
   * Registers a host, and forgets that one of its name was removed while it was lost.
   *
   * @param tombstone As it was read; null for none.
   * @throws PgctlError `stale` where the host, or its tombstone, came or went in the meantime
   */
  async register(record: HostRecord, tombstone: { readonly modRevision: string } | null): Promise<void> {
    await this.#prepare();
    const key = this.#keys.tombstone(record.host_id);
    await commitUnlocked(this.#kv, this.#keys, [
      this.#records.write(record, 'absent'),
      tombstone === null
        ? { kind: 'check', key, expect: 'absent' }
        : { kind: 'delete', key, expect: { modRevision: tombstone.modRevision } },
    ]);
  }

  /** Looks whether a host may be removed. @throws PgctlError `host_in_use`, naming what is on it */
  async requireEmpty(host: Stored<HostRecord>): Promise<Occupants> {
    const occupants = await readOccupants(this.#kv, this.#keys, host.value);
    refuseOccupied(host, occupants);
    return occupants;
  }

  /**
   * Removes the record of a host that nothing is on.
   *
   * @throws PgctlError `host_in_use`; `stale` where its record changed, or an instance was placed on it or on
   * its machine, since it was read
   */
  async remove(host: Stored<HostRecord>): Promise<void> {
    await this.#prepare();
    const { unchanged } = await this.requireEmpty(host);
    await commitUnlocked(this.#kv, this.#keys, [this.#records.remove(host), unchanged]);
  }

  /**
   * Removes the record of a host that is lost and that nothing is on any more, and remembers it: it must not
   * come back unnoticed.
   *
   * @param more Writes that are carried out with it, such as of the task that ends so.
   * @throws PgctlError as `remove`
   */
  async bury(host: Stored<HostRecord>, removedAt: Timestamp, more: readonly Write[] = []): Promise<void> {
    await this.#prepare();
    const { unchanged } = await this.requireEmpty(host);
    await commitUnlocked(this.#kv, this.#keys, [
      this.#records.remove(host),
      unchanged,
      this.tombstone(host.value.host_id, removedAt),
      ...more,
    ]);
  }

  /** For a commit that places instances on a host: it must still be there. */
  stillThere(host: string): Write {
    return { kind: 'check', key: this.#keys.host(host), expect: 'present' };
  }

  /** Remembers a host that was removed while it was lost. For the commit that removes it. */
  tombstone(host: string, removedAt: Timestamp): Write {
    return putRecord(this.#keys.tombstone(host), { host_id: host, removed_at: removedAt }, 'any');
  }

  /** What remembers that a host was removed while it was lost; null for none. */
  async tombstoneOf(host: string): Promise<{ readonly modRevision: string } | null> {
    return this.#kv.get(this.#keys.tombstone(host));
  }

  /** The record of a host that has to be there. @throws PgctlError `not_found` */
  async require(host: string): Promise<Stored<HostRecord>> {
    const found = await this.get(host);
    if (found === null) {
      throw new PgctlError('not_found', `there is no host ${host}`, {
        hint: 'See `pgctl host list`; register one with `pgctl host add`.',
      });
    }
    return found;
  }
}
