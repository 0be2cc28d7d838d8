import { PgctlError } from '../errors.ts';
import type { Secret } from '../secret.ts';
import { decode, decodeAll, type Codec, type Listing, type Stored } from './codec.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import { sealedSchema, type SealedRecord, type SealingKey } from './seal.ts';
import { putRecord, type Expect, type Write } from './write.ts';

export const sealedCodec: Codec<SealedRecord> = { schema: sealedSchema };

/** The secrets of databases, sealed: what stands in etcd is of no use without the key. */
export class Secrets {
  readonly #kv: Kv;
  readonly #keys: Keys;

  constructor(kv: Kv, keys: Keys) {
    this.#kv = kv;
    this.#keys = keys;
  }

  listOf(database: string): Promise<Listing<SealedRecord>> {
    return this.#kv.range(this.#keys.secretsOf(database)).then((found) => decodeAll(sealedCodec, found));
  }

  async get(database: string, name: string): Promise<Stored<SealedRecord> | null> {
    const found = await this.#kv.get(this.#keys.secret(database, name));
    return found === null ? null : decode(sealedCodec, found);
  }

  /** The name that a stored secret was written under. */
  nameOf(database: string, stored: Stored<SealedRecord>): string {
    const prefix = this.#keys.secretsOf(database);
    if (!stored.key.startsWith(prefix)) {
      throw new PgctlError('internal', `${stored.key} is not a secret of database ${database}`);
    }
    return decodeURIComponent(stored.key.slice(prefix.length));
  }

  write(secret: {
    readonly database: string;
    readonly name: string;
    readonly value: Secret;
    readonly key: SealingKey;
    readonly expect: Expect;
  }): Write {
    const etcdKey = this.#keys.secret(secret.database, secret.name);
    return putRecord(etcdKey, secret.key.seal(etcdKey, secret.value), secret.expect);
  }

  remove(stored: Stored<SealedRecord>): Write {
    return { kind: 'delete', key: stored.key, expect: { modRevision: stored.modRevision } };
  }

  /** @throws PgctlError `secret_key`, `store_corrupt` */
  open(stored: Stored<SealedRecord>, key: SealingKey): Secret {
    return key.open(stored.key, stored.value);
  }
}
