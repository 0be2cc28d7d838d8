import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { PgctlError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { object, oneOf, type Shape, string } from './shapes.ts';

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const FINGERPRINT_HEX = 32;

/** A sealed value as it stands in etcd; the binary parts in base64. */
export interface SealedRecord {
  readonly alg: typeof ALGORITHM;
  /** Which key it was sealed with. */
  readonly key: string;
  readonly nonce: string;
  readonly data: string;
  readonly tag: string;
}

export const sealedShape: Shape<SealedRecord> = object({
  alg: oneOf([ALGORITHM]),
  key: string,
  nonce: string,
  data: string,
  tag: string,
});

/** The key that seals a store's secrets. It prints as nothing of itself. */
export class SealingKey {
  readonly #key: Buffer;
  /** Names the key without telling anything of it: the beginning of its SHA-256, in hex. */
  readonly fingerprint: string;

  /** @param key 32 bytes */
  constructor(key: Buffer) {
    this.#key = key;
    this.fingerprint = createHash('sha256')
      .update('pgctl sealing key\0')
      .update(key)
      .digest('hex')
      .slice(0, FINGERPRINT_HEX);
  }

  /** Seals a secret for one key of etcd: copied under another key it cannot be opened. */
  seal(etcdKey: string, secret: Secret): SealedRecord {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(etcdKey, 'utf8'));
    const data = Buffer.concat([cipher.update(secret.reveal(), 'utf8'), cipher.final()]);
    return {
      alg: ALGORITHM,
      key: this.fingerprint,
      nonce: nonce.toString('base64'),
      data: data.toString('base64'),
      tag: cipher.getAuthTag().toString('base64'),
    };
  }

  /**
   * @throws PgctlError `secret_key` for a value that another key sealed, `store_corrupt` for one that was
   * changed, or moved here from another key of etcd.
   */
  open(etcdKey: string, sealed: SealedRecord): Secret {
    if (sealed.key !== this.fingerprint) {
      throw new PgctlError(
        'secret_key',
        `${etcdKey} was sealed with another key (fingerprint ${sealed.key})`,
        {
          hint: `The key here has fingerprint ${this.fingerprint}. Copy the right key file from where the secret was written.`,
        },
      );
    }
    try {
      const nonce = Buffer.from(sealed.nonce, 'base64');
      const decipher = createDecipheriv(ALGORITHM, this.#key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(etcdKey, 'utf8'));
      decipher.setAuthTag(Buffer.from(sealed.tag, 'base64'));
      const data = Buffer.concat([decipher.update(Buffer.from(sealed.data, 'base64')), decipher.final()]);
      return new Secret(data.toString('utf8'));
    } catch (error) {
      throw new PgctlError(
        'store_corrupt',
        `${etcdKey} in etcd cannot be opened: it was changed, or belongs under another key`,
        {
          hint: 'Restore it from a backup of etcd.',
          cause: error,
        },
      );
    }
  }
}
