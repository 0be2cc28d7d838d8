import type { ICompare, IRequestOp } from 'etcd3';
import { assertNever } from '../errors.ts';

/** What must be so for a transaction to be carried out. */
export type Compare =
  /** The key was created at this revision; `0` for a key that must not be there. */
  | { readonly key: string; readonly createRevision: string }
  | { readonly key: string; readonly modRevision: string }
  | { readonly key: string; readonly version: string }
  | { readonly key: string; readonly present: true }
  /** No key that begins with this was written after this revision; those removed since do not count. */
  | { readonly unchangedPrefix: string; readonly newest: string };

/** One operation of a transaction. No two of one transaction may touch the same key. */
export type Op =
  | { readonly op: 'put'; readonly key: string; readonly value: string; readonly lease?: string }
  /** Writes the key's own value again, under its own lease: only its revision and version move. */
  | { readonly op: 'touch'; readonly key: string }
  | { readonly op: 'delete'; readonly key: string }
  | { readonly op: 'delete_prefix'; readonly prefix: string }
  | { readonly op: 'get'; readonly key: string }
  | { readonly op: 'first'; readonly prefix: string };

export function bytes(text: string): Buffer {
  return Buffer.from(text, 'utf8');
}

/** The first key after all those that begin with `prefix`. Prefixes end in `/` or `.`, so no byte overflows. */
export function prefixEnd(prefix: string): Buffer {
  const end = bytes(prefix);
  const last = end.length - 1;
  end[last] = (end[last] ?? 0) + 1;
  return end;
}

export function toCompare(compare: Compare): ICompare {
  if ('unchangedPrefix' in compare) {
    return {
      target: 'Mod',
      result: 'Less',
      key: bytes(compare.unchangedPrefix),
      range_end: prefixEnd(compare.unchangedPrefix),
      mod_revision: String(BigInt(compare.newest) + 1n),
    };
  }
  const key = bytes(compare.key);
  if ('present' in compare) return { target: 'Create', result: 'Greater', key, create_revision: '0' };
  if ('createRevision' in compare) {
    return { target: 'Create', result: 'Equal', key, create_revision: compare.createRevision };
  }
  if ('version' in compare) return { target: 'Version', result: 'Equal', key, version: compare.version };
  return { target: 'Mod', result: 'Equal', key, mod_revision: compare.modRevision };
}

export function toRequest(op: Op): IRequestOp {
  switch (op.op) {
    case 'put':
      return { request_put: { key: bytes(op.key), value: bytes(op.value), lease: op.lease ?? '0' } };
    case 'touch':
      return { request_put: { key: bytes(op.key), ignore_value: true, ignore_lease: true } };
    case 'delete':
      return { request_delete_range: { key: bytes(op.key) } };
    case 'delete_prefix':
      return { request_delete_range: { key: bytes(op.prefix), range_end: prefixEnd(op.prefix) } };
    case 'get':
      return { request_range: { key: bytes(op.key) } };
    case 'first':
      return { request_range: { key: bytes(op.prefix), range_end: prefixEnd(op.prefix), limit: 1 } };
    default:
      return assertNever(op);
  }
}
