import * as z from 'zod';
import { INSTANCE_STATES } from '../records/states.ts';
import type { InstanceRecord, InstanceStatusRecord } from '../records/types.ts';
import type { Codec, Listing, Stored } from './codec.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import { Records } from './records.ts';
import { oneOf } from './shapes.ts';
import type { Expect, Write } from './write.ts';

const port = z.number().int().min(1).max(65_535);

const instanceSchema: z.ZodType<InstanceRecord> = z
  .looseObject({
    instance_id: z.string(),
    database_id: z.string(),
    host_id: z.string(),
    node_name: z.string(),
    state: oneOf(INSTANCE_STATES),
    port,
    patroni_port: port,
    postgres_version: z.string().nullable(),
    running: z.boolean(),
    restart_requested: z.string().nullable(),
    error: z.string().nullable(),
    created_at: z.string(),
    updated_at: z.string(),
  })
  .refine((record) => record.instance_id === `${record.database_id}.${record.node_name}.${record.host_id}`, {
    error: 'its id and its parts disagree',
    path: ['instance_id'],
  });

const statusSchema: z.ZodType<InstanceStatusRecord> = z.looseObject({
  instance_id: z.string(),
  server_version: z.string().nullable(),
  pending_restart: z.boolean(),
  pending_restart_reason: z.string().nullable(),
  started_at: z.string().nullable(),
  observed_at: z.string(),
});

export function instanceCodec(
  keys: Keys,
): Codec<InstanceRecord> & { readonly keyOf: (record: InstanceRecord) => string } {
  return { schema: instanceSchema, keyOf: (record) => keys.instance(record.instance_id) };
}

export function statusCodec(
  keys: Keys,
): Codec<InstanceStatusRecord> & { readonly keyOf: (record: InstanceStatusRecord) => string } {
  return { schema: statusSchema, keyOf: (record) => keys.status(record.instance_id) };
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
