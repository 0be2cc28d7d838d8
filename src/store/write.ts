import { encode } from './codec.ts';
import type { RangeSpec } from './range.ts';
import type { Compare, Op } from './txn.ts';

/** What a write takes for granted of its key; the transaction is not carried out where it is not so. */
export type Expect =
  /** It is as it was read. */
  | { readonly modRevision: string }
  | 'absent'
  | 'present'
  /** Nothing: it is overwritten, whatever it is. */
  | 'any';

/** One change of the store, as data. No two writes of one commit may touch the same key. */
export type Write =
  | { readonly kind: 'put'; readonly key: string; readonly value: string; readonly expect: Expect }
  | { readonly kind: 'delete'; readonly key: string; readonly expect: Expect }
  | { readonly kind: 'delete_prefix'; readonly prefix: string }
  /** Changes nothing, but the commit depends on it. */
  | { readonly kind: 'check'; readonly key: string; readonly expect: Expect }
  /** The same: no key under the prefix was written after the revision `newest`. */
  | { readonly kind: 'check_unchanged'; readonly prefix: string; readonly newest: string };

/** A write of one whole record. */
export type Put = Extract<Write, { readonly kind: 'put' }>;

export function putRecord(key: string, record: object, expect: Expect): Put {
  return { kind: 'put', key, value: encode(record), expect };
}

/** Expecting a record to be as it was read, or absent where it was not there. */
export function unchanged(read: { readonly modRevision: string } | null | undefined): Expect {
  return read === null || read === undefined ? 'absent' : { modRevision: read.modRevision };
}

export function compareOf(write: Write): Compare | null {
  if (write.kind === 'check_unchanged') return { unchangedPrefix: write.prefix, newest: write.newest };
  if (write.kind === 'delete_prefix' || write.expect === 'any') return null;
  if (write.expect === 'absent') return { key: write.key, createRevision: '0' };
  if (write.expect === 'present') return { key: write.key, present: true };
  return { key: write.key, modRevision: write.expect.modRevision };
}

export function opOf(write: Write): Op | null {
  switch (write.kind) {
    case 'put':
      return { op: 'put', key: write.key, value: write.value };
    case 'delete':
      return { op: 'delete', key: write.key };
    case 'delete_prefix':
      return { op: 'delete_prefix', prefix: write.prefix };
    case 'check':
    case 'check_unchanged':
      return null;
  }
}

/** Reads back what a write was about, to say why it was refused. */
export function readBackOf(write: Write): Op {
  if (write.kind === 'delete_prefix' || write.kind === 'check_unchanged')
    return { op: 'first', prefix: write.prefix };
  return { op: 'get', key: write.key };
}

/** The same as a read of its own. */
export function readBackSpec(write: Write): RangeSpec {
  return 'key' in write ? { key: write.key } : { key: write.prefix, prefix: true, limit: 1 };
}

/** Bytes of what is around a key and a value in a request. */
const OVERHEAD = 64;

/** Bytes that a write adds to a request. */
export function sizeOf(write: Write): number {
  if (write.kind !== 'put') return OVERHEAD;
  return OVERHEAD + Buffer.byteLength(write.key) + Buffer.byteLength(write.value);
}
