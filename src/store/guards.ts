import type { GuardRecord } from '../records/types.ts';
import { decode, type Codec, type Stored } from './codec.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import { boolean, object, string } from './shapes.ts';
import { putRecord, type Expect, type Write } from './write.ts';

const codec: Codec<GuardRecord> = {
  shape: object({ database_uid: string, allowed: boolean }),
};

/** What an instance's unit asks before it starts Patroni. Units read it themselves, so its key and shape stay. */
export class Guards {
  readonly #kv: Kv;
  readonly #keys: Keys;

  constructor(kv: Kv, keys: Keys) {
    this.#kv = kv;
    this.#keys = keys;
  }

  async get(instance: string): Promise<Stored<GuardRecord> | null> {
    const found = await this.#kv.get(this.#keys.guard(instance));
    return found === null ? null : decode(codec, found);
  }

  write(instance: string, record: GuardRecord, expect: Expect): Write {
    return putRecord(this.#keys.guard(instance), record, expect);
  }
}
