import type { IKeyValue, IRangeRequest } from 'etcd3';
import { bytes, prefixEnd } from './txn.ts';

/** A key with its value, as etcd has it. Revisions are strings, as they exceed what a number holds. */
export interface KeyValue {
  readonly key: string;
  readonly value: Buffer;
  readonly modRevision: string;
  readonly createRevision: string;
  /** Counts the puts since it was created: 1 for the first. */
  readonly version: string;
  /** `0`: under no lease. */
  readonly lease: string;
}

export interface RangeSpec {
  /** One key, or with `prefix` every key that begins with it. */
  readonly key: string;
  readonly prefix?: true;
  readonly keysOnly?: true;
  /** At most so many; the rest is not read. */
  readonly limit?: number;
  /** From the last key backwards. */
  readonly descending?: true;
  /** With `prefix`: not the keys before this one. */
  readonly from?: string;
}

/** Keys of the first page, so that no single answer grows with the fleet. */
export const PAGE = 1000;
/** Keys of each page after it: there it is known that there are many, and each costs a way to etcd and back. */
export const NEXT_PAGE = 2 * PAGE;

/** Asks for the first page of a range. */
export function firstPage(spec: RangeSpec): IRangeRequest {
  return {
    key: bytes(spec.from ?? spec.key),
    limit: Math.min(PAGE, spec.limit ?? PAGE),
    ...(spec.prefix === true ? { range_end: prefixEnd(spec.key) } : {}),
    ...(spec.keysOnly === true ? { keys_only: true } : {}),
    ...(spec.descending === true ? { sort_order: 'Descend', sort_target: 'Key' } : {}),
  };
}

/** Asks for the page after what was read so far, at the revision of the first. */
export function nextPage(spec: RangeSpec, read: readonly KeyValue[], revision: string): IRangeRequest {
  const last = bytes(read.at(-1)?.key ?? '');
  return {
    ...firstPage(spec),
    limit: Math.min(NEXT_PAGE, (spec.limit ?? Infinity) - read.length),
    revision,
    ...(spec.descending === true ? { range_end: last } : { key: Buffer.concat([last, Buffer.of(0)]) }),
  };
}

export function keyValue(raw: IKeyValue): KeyValue {
  return {
    key: raw.key.toString('utf8'),
    value: raw.value,
    modRevision: raw.mod_revision,
    createRevision: raw.create_revision,
    version: raw.version,
    lease: raw.lease,
  };
}
