import * as z from 'zod';
import { PgctlError } from '../errors.ts';
import type { HostFacts, HostRecord, Timestamp } from '../records/types.ts';
import type { Codec, Listing, Stored } from './codec.ts';
import { commitUnlocked } from './commit.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import { readOccupants, refuseOccupied, type Occupants } from './occupants.ts';
import { Records } from './records.ts';
import { putRecord, type Expect, type Write } from './write.ts';

const factsSchema: z.ZodType<HostFacts> = z.looseObject({
  os: z.string(),
  kernel: z.string(),
  hostname: z.string(),
  machine_id: z.string().nullable(),
  cpus: z.number(),
  memory_bytes: z.number(),
  disk_free_bytes: z.number(),
  disk_total_bytes: z.number(),
  privileges: z.enum(['root', 'sudo', 'none']),
  run_user: z.string(),
  run_user_home: z.string().nullable(),
  clock_skew_seconds: z.number(),
  postgres: z.array(z.looseObject({ version: z.string(), bin_dir: z.string() })),
  patroni: z.looseObject({ version: z.string(), path: z.string(), python: z.string() }).nullable(),
  systemd: z.boolean(),
  gathered_at: z.string(),
});

const schema: z.ZodType<HostRecord> = z.looseObject({
  host_id: z.string(),
  address: z.string(),
  advertise: z.string().nullable(),
  ssh: z.looseObject({
    user: z.string().nullable(),
    port: z.number().int().nullable(),
    identity_file: z.string().nullable(),
  }),
  host_keys: z.array(z.string()),
  service_manager: z.enum(['systemd', 'process']),
  base_dir: z.string(),
  host_endpoints: z.array(z.string()).nullable(),
  labels: z.record(z.string(), z.string()),
  facts: factsSchema.nullable(),
  created_at: z.string(),
  updated_at: z.string(),
});

export function hostCodec(
  keys: Keys,
): Codec<HostRecord> & { readonly keyOf: (record: HostRecord) => string } {
  return { schema, keyOf: (record) => keys.host(record.host_id) };
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
