import { isUtf8 } from 'node:buffer';
import { PgctlError } from '../errors.ts';
import type { KeyValue } from './range.ts';
import type { Misfit, Shape } from './shapes.ts';

/** A record as it was read, with what a later write has to compare. */
export interface Stored<T> {
  readonly key: string;
  readonly value: T;
  /** The revision it was last written at. */
  readonly modRevision: string;
}

/** A value in etcd that pgctl did not write, or that was damaged. The record counts as not readable, not as absent. */
export interface CorruptValue {
  readonly key: string;
  readonly problem: string;
}

/** What a list read: the records that are sound, and the others, so that one bad record leaves the rest usable. */
export interface Listing<T> {
  readonly items: readonly Stored<T>[];
  readonly corrupt: readonly CorruptValue[];
}

/** Says how a kind of record is read from its JSON and how it is told that it belongs to its key. */
export interface Codec<T> {
  readonly shape: Shape<T>;
  /** Puts in what records of earlier versions lack. */
  readonly complete?: (record: T) => T;
  /** The key the record belongs under, from its own fields; a record found elsewhere is not its own. */
  readonly keyOf?: (record: T) => string;
}

export function encode(record: object): string {
  return JSON.stringify(record);
}

/** @throws PgctlError `store_corrupt`, naming the key. */
export function decode<T>(codec: Codec<T>, found: KeyValue): Stored<T> {
  const result = tryDecode(codec, found);
  if ('problem' in result) throw corruptError([result]);
  return result;
}

export function decodeAll<T>(codec: Codec<T>, found: readonly KeyValue[]): Listing<T> {
  const items: Stored<T>[] = [];
  const corrupt: CorruptValue[] = [];
  for (const keyValue of found) {
    const result = tryDecode(codec, keyValue);
    if ('problem' in result) corrupt.push(result);
    else items.push(result);
  }
  return { items, corrupt };
}

export function corruptError(corrupt: readonly CorruptValue[]): PgctlError {
  const [first] = corrupt;
  const more = corrupt.length > 1 ? ` (and ${corrupt.length - 1} more)` : '';
  return new PgctlError(
    'store_corrupt',
    `${first?.key ?? 'a key'} in etcd cannot be read: ${first?.problem ?? ''}${more}`,
    {
      hint: `Look at it with \`etcdctl get ${first?.key ?? ''}\`; nothing was changed. Restore it from a backup of etcd, or remove the key.`,
      details: corrupt.map(({ key, problem }) => `${key}: ${problem}`),
    },
  );
}

/** The record, or why there is none. */
export function tryDecode<T>(codec: Codec<T>, found: KeyValue): Stored<T> | CorruptValue {
  let json: unknown;
  try {
    json = isUtf8(found.value) ? JSON.parse(found.value.toString('utf8')) : undefined;
  } catch {
    // Neither is what is no text at all.
  }
  if (json === undefined) return { key: found.key, problem: 'it is not JSON' };
  const wrong = codec.shape(json);
  if (wrong !== null) return { key: found.key, problem: describeMisfit(wrong) };
  const value = codec.complete === undefined ? (json as T) : codec.complete(json as T);
  if (codec.keyOf !== undefined && !belongs(codec.keyOf, value, found.key)) {
    return { key: found.key, problem: 'it is the record of another key' };
  }
  return { key: found.key, value, modRevision: found.modRevision };
}

/** Where something is wrong, and what. */
export function describeMisfit({ path, message }: Misfit): string {
  return path.length === 0 ? message : `${path.join('.')}: ${message}`;
}

function belongs<T>(keyOf: (record: T) => string, record: T, key: string): boolean {
  try {
    return keyOf(record) === key;
  } catch {
    return false;
  }
}
