import { DATABASE_STATES } from '../records/states.ts';
import type { DatabaseRecord } from '../records/types.ts';
import type { Codec, Listing, Stored } from './codec.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import { Records } from './records.ts';
import { jsonObject, namesOf, nullable, object, oneOf, type Shape, string } from './shapes.ts';
import type { Expect, Write } from './write.ts';

const shape: Shape<DatabaseRecord> = object({
  database_id: string,
  spec: jsonObject,
  state: oneOf(namesOf(DATABASE_STATES)),
  uid: string,
  last_task_id: nullable(string),
  created_at: string,
  updated_at: string,
  error: nullable(string),
});

export function databaseCodec(
  keys: Keys,
): Codec<DatabaseRecord> & { readonly keyOf: (record: DatabaseRecord) => string } {
  return { shape, keyOf: (record) => keys.database(record.database_id) };
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
