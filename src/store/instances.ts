import { INSTANCE_STATES } from '../records/states.ts';
import type { InstanceRecord, InstanceStatusRecord } from '../records/types.ts';
import type { Codec, Listing, Stored } from './codec.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import { Records } from './records.ts';
import { boolean, integer, namesOf, nullable, object, oneOf, type Shape, string, where } from './shapes.ts';
import type { Expect, Write } from './write.ts';

const port = integer(1, 65_535);

const instanceShape: Shape<InstanceRecord> = where(
  object<InstanceRecord>({
    instance_id: string,
    database_id: string,
    host_id: string,
    node_name: string,
    state: oneOf(namesOf(INSTANCE_STATES)),
    port,
    patroni_port: port,
    postgres_version: nullable(string),
    running: boolean,
    restart_requested: nullable(string),
    error: nullable(string),
    created_at: string,
    updated_at: string,
  }),
  {
    holds: ({ instance_id, database_id, node_name, host_id }) =>
      instance_id === `${database_id}.${node_name}.${host_id}`,
    field: 'instance_id',
    message: 'its id and its parts disagree',
  },
);

const statusShape: Shape<InstanceStatusRecord> = object({
  instance_id: string,
  server_version: nullable(string),
  pending_restart: boolean,
  pending_restart_reason: nullable(string),
  started_at: nullable(string),
  observed_at: string,
});

export function instanceCodec(
  keys: Keys,
): Codec<InstanceRecord> & { readonly keyOf: (record: InstanceRecord) => string } {
  return { shape: instanceShape, keyOf: (record) => keys.instance(record.instance_id) };
}

export function statusCodec(
  keys: Keys,
): Codec<InstanceStatusRecord> & { readonly keyOf: (record: InstanceStatusRecord) => string } {
  return { shape: statusShape, keyOf: (record) => keys.status(record.instance_id) };
}

/** Instances and what was last seen of them. A missing status is normal. */
export class Instances {
  readonly #keys: Keys;
  readonly #records: Records<InstanceRecord>;
  readonly #statuses: Records<InstanceStatusRecord>;

  constructor(kv: Kv, keys: Keys) {
    this.#keys = keys;
    this.#records = new Records(kv, instanceCodec(keys));
    this.#statuses = new Records(kv, statusCodec(keys));
  }

  get(instance: string): Promise<Stored<InstanceRecord> | null> {
    return this.#records.at(this.#keys.instance(instance));
  }

  list(): Promise<Listing<InstanceRecord>> {
    return this.#records.under(this.#keys.instances());
  }

  listOf(database: string): Promise<Listing<InstanceRecord>> {
    return this.#records.under(this.#keys.instancesOf(database));
  }

  write(record: InstanceRecord, expect: Expect): Write {
    return this.#records.write(record, expect);
  }

  writeStatus(record: InstanceStatusRecord, expect: Expect): Write {
    return this.#statuses.write(record, expect);
  }
}
