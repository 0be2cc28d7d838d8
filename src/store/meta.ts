import { randomUUID } from 'node:crypto';
import { PgctlError } from '../errors.ts';
import type { MetaRecord } from '../records/types.ts';
import { decode, type Codec } from './codec.ts';
import { commitUnlocked } from './commit.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import type { SealingKey } from './seal.ts';
import { createSealingKey, readSealingKey } from './sealing-key.ts';
import { integer, object, string } from './shapes.ts';
import { putRecord } from './write.ts';

/** The format of records that this pgctl reads and writes. A store with a higher one is not written to. */
export const FORMAT = 1;

const codec: Codec<MetaRecord> = {
  shape: object({
    format: integer(1),
    store_id: string,
    sealing_key_fingerprint: string,
  }),
};

/** What the store is, and the right to change it: its record is known and this pgctl has its key. */
export interface Changeable {
  readonly meta: MetaRecord;
  readonly key: SealingKey;
}

/** Null where nothing was ever written to the store. */
export async function readMeta(kv: Kv, keys: Keys): Promise<MetaRecord | null> {
  const found = await kv.get(keys.meta());
  return found === null ? null : decode(codec, found).value;
}

/**
 * Makes sure that this pgctl may change the store. The first change of a new store makes its record, and the
 * sealing key if there is none here.
 *
 * @throws PgctlError `store_newer`; `secret_key` where the key is missing, cannot be used, or is another's.
 */
export async function prepareToChange(kv: Kv, keys: Keys, keyFile: string): Promise<Changeable> {
  const meta = await readMeta(kv, keys);
  if (meta !== null) return { meta, key: await matchingKey(meta, keyFile) };
  const key = (await readSealingKey(keyFile)) ?? (await createSealingKey(keyFile));
  const made: MetaRecord = {
    format: FORMAT,
    store_id: randomUUID(),
    sealing_key_fingerprint: key.fingerprint,
  };
  try {
    await commitUnlocked(kv, keys, [putRecord(keys.meta(), made, 'absent')]);
    return { meta: made, key };
  } catch (error) {
    // Somebody else was first: what they made is the store's.
    const theirs = error instanceof PgctlError && error.code === 'stale' ? await readMeta(kv, keys) : null;
    if (theirs === null) throw error;
    return { meta: theirs, key: await matchingKey(theirs, keyFile) };
  }
}

/**
 * Gives the store a new id, if its revisions were ever counted further than they are now: that is a store which was
 * put back to an earlier state. Returns the revision that it is at, or null where it was not.
 *
 * @param storeId that it had when the operation began; another got a new one since
 * @param seen a revision that a host was told of
 */
export async function renewIfPutBack(
  kv: Kv,
  keys: Keys,
  { storeId, seen }: { readonly storeId: string; readonly seen: string },
): Promise<string | null> {
  // With something to read the answer is no older than any revision that was given out; without, a member that
  // lags behind says what it knows.
  const { revision, read } = await kv.txn({
    compare: [],
    success: [{ op: 'get', key: keys.meta() }],
    failure: [],
  });
  if (BigInt(seen) <= BigInt(revision)) return null;
  const found = read[0]?.[0] ?? null;
  const meta = found === null ? null : decode(codec, found);
  if (meta !== null && meta.value.store_id === storeId) {
    const renewed = putRecord(
      keys.meta(),
      { ...meta.value, store_id: randomUUID() },
      { modRevision: meta.modRevision },
    );
    await commitUnlocked(kv, keys, [renewed]).catch((error: unknown) => {
      // Somebody else was first.
      if (!(error instanceof PgctlError && error.code === 'stale')) throw error;
    });
  }
  return revision;
}

/** The key that seals this store's secrets, for reading them. Throws as `prepareToChange`, but never makes one. */
export async function storeKey(kv: Kv, keys: Keys, keyFile: string): Promise<SealingKey> {
  const meta = await readMeta(kv, keys);
  if (meta === null) throw new PgctlError('not_found', 'there is nothing in this store yet');
  return matchingKey(meta, keyFile);
}

/** Whether this pgctl writes what the store has, for changes without secrets. @throws PgctlError `store_newer` */
export async function assertWritable(kv: Kv, keys: Keys): Promise<void> {
  const meta = await readMeta(kv, keys);
  if (meta !== null) assertKnownFormat(meta);
}

function assertKnownFormat(meta: MetaRecord): void {
  if (meta.format <= FORMAT) return;
  throw new PgctlError(
    'store_newer',
    `this store has format ${meta.format}; this pgctl writes format ${FORMAT}`,
    { hint: 'Upgrade pgctl. Nothing was changed.' },
  );
}

async function matchingKey(meta: MetaRecord, keyFile: string): Promise<SealingKey> {
  assertKnownFormat(meta);
  const key = await readSealingKey(keyFile);
  if (key === null) {
    throw new PgctlError('secret_key', `the key that seals this store's secrets is not at ${keyFile}`, {
      hint: `Copy the file secret.key (in ~/.config/pgctl, or where PGCTL_SECRET_KEY_FILE says) from a machine that has used this store to ${keyFile}, mode 0600. Its fingerprint is ${meta.sealing_key_fingerprint}.`,
    });
  }
  if (key.fingerprint !== meta.sealing_key_fingerprint) {
    throw new PgctlError(
      'secret_key',
      `${keyFile} is the key of another store (fingerprint ${key.fingerprint})`,
      {
        hint: `This store's key has fingerprint ${meta.sealing_key_fingerprint}. Copy it from a machine that has used this store, and name it with PGCTL_SECRET_KEY_FILE if both are needed here.`,
      },
    );
  }
  return key;
}
