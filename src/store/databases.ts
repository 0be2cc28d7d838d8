import * as z from 'zod';
import { DATABASE_STATES } from '../records/states.ts';
import type { DatabaseRecord } from '../records/types.ts';
import type { Codec, Listing, Stored } from './codec.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import { Records } from './records.ts';
import { jsonObject, oneOf } from './shapes.ts';
import type { Expect, Write } from './write.ts';

const schema: z.ZodType<DatabaseRecord> = z.looseObject({
  database_id: z.string(),
  spec: jsonObject,
  state: oneOf(DATABASE_STATES),
  uid: z.string(),
  last_task_id: z.string().nullable(),
  created_at: z.string(),
  updated_at: z.string(),
  error: z.string().nullable(),
});

export function databaseCodec(
  keys: Keys,
): Codec<DatabaseRecord> & { readonly keyOf: (record: DatabaseRecord) => string } {
  return { schema, keyOf: (record) => keys.database(record.database_id) };
}

export class Databases {
  readonly #keys: Keys;
  readonly #records: Records<DatabaseRecord>;

  constructor(kv: Kv, keys: Keys) {
    this.#keys = keys;
    this.#records = new Records(kv, databaseCodec(keys));
  }

  get(database: string): Promise<Stored<DatabaseRecord> | null> {
    return this.#records.at(this.#keys.database(database));
  }

  list(): Promise<Listing<DatabaseRecord>> {
    return this.#records.under(this.#keys.databases());
  }

  write(record: DatabaseRecord, expect: Expect): Write {
    return this.#records.write(record, expect);
  }
}
