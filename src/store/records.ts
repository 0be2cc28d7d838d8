import { PgctlError } from '../errors.ts';
import { decode, decodeAll, describeMisfit, type Codec, type Listing, type Stored } from './codec.ts';
import type { Kv } from './kv.ts';
import type { KeyValue, RangeSpec } from './range.ts';
import { putRecord, type Expect, type Put, type Write } from './write.ts';

/** The records of one kind, each under a key that follows from its own fields. */
export class Records<T extends object> {
  readonly #kv: Kv;
  readonly #codec: Codec<T> & { readonly keyOf: (record: T) => string };

  constructor(kv: Kv, codec: Codec<T> & { readonly keyOf: (record: T) => string }) {
    this.#kv = kv;
    this.#codec = codec;
  }

  /** Null where there is none. @throws PgctlError `store_corrupt` */
  async at(key: string): Promise<Stored<T> | null> {
    const found = await this.#kv.get(key);
    return found === null ? null : decode(this.#codec, found);
  }

  /** Several at once, in one round trip; those that are not there, or not sound, are left out. */
  async atEach(recordKeys: readonly string[]): Promise<Listing<T>> {
    if (recordKeys.length === 0) return { items: [], corrupt: [] };
    const found: (readonly (readonly KeyValue[])[])[] = [];
    for (let start = 0; start < recordKeys.length; start += MAX_KEYS) {
      found.push(await this.#kv.read(recordKeys.slice(start, start + MAX_KEYS).map((key) => ({ key }))));
    }
    return decodeAll(this.#codec, found.flat(2));
  }

  /** All under a prefix, in the order of their keys. */
  async under(prefix: string, options: Omit<RangeSpec, 'key' | 'prefix'> = {}): Promise<Listing<T>> {
    return decodeAll(this.#codec, await this.#kv.range(prefix, options));
  }

  /** @throws PgctlError `internal` for a record that could not be read again */
  write(record: T, expect: Expect): Put {
    const wrong = this.#codec.shape(record);
    if (wrong !== null) {
      throw new PgctlError(
        'internal',
        `a record for ${this.#codec.keyOf(record)} is not as it should be: ${describeMisfit(wrong)}`,
      );
    }
    return putRecord(this.#codec.keyOf(record), record, expect);
  }

  /** Removes a record as it was read. */
  remove(stored: Stored<T>): Write {
    return { kind: 'delete', key: stored.key, expect: { modRevision: stored.modRevision } };
  }
}

/** Ranges per read, as etcd limits the operations of a transaction. */
const MAX_KEYS = 100;
