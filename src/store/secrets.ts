import type { Secret } from '../secret.ts';
import type { Codec, Stored } from './codec.ts';
import type { Keys } from './keys.ts';
import { sealedShape, type SealedRecord, type SealingKey } from './seal.ts';
import { putRecord, type Expect, type Write } from './write.ts';

export const sealedCodec: Codec<SealedRecord> = { shape: sealedShape };

/** The secrets of databases, sealed: what stands in etcd is of no use without the key. */
export class Secrets {
  readonly #keys: Keys;

  constructor(keys: Keys) {
    this.#keys = keys;
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

  /** @throws PgctlError `secret_key`, `store_corrupt` */
  remove(database: string, name: string): Write {
    return { kind: 'delete', key: this.#keys.secret(database, name), expect: 'any' };
  }

  open(stored: Stored<SealedRecord>, key: SealingKey): Secret {
    return key.open(stored.key, stored.value);
  }
}
