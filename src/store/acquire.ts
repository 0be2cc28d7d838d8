import { setTimeout as delay } from 'node:timers/promises';
import { PgctlError } from '../errors.ts';
import type { LockRecord } from '../records/types.ts';
import { encode } from './codec.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import type { KeyValue } from './range.ts';
import { kvFailure } from './kv-error.ts';
import { Lease, systemClock, type Clock } from './lease.ts';
import { describeHolder, isDead, readHolder } from './lock-holder.ts';
import { DatabaseLock } from './lock.ts';

export interface LockTiming {
  /** How long a lock outlives a holder that crashed. */
  readonly leaseSeconds: number;
  /** Milliseconds between two looks at a lock that is waited for. */
  readonly pollMs: number;
  readonly clock: Clock;
}

export const LOCK_TIMING: LockTiming = { leaseSeconds: 30, pollMs: 500, clock: systemClock };

export interface Waiting {
  /** Milliseconds to wait for a lock that somebody else holds; 0 refuses at once. */
  readonly waitMs: number;
  /** Ends the waiting early, with its reason as the error. */
  readonly signal?: AbortSignal;
}

interface Request {
  readonly kv: Kv;
  readonly keys: Keys;
  readonly databaseId: string;
  readonly record: LockRecord;
  readonly timing: LockTiming;
}

/**
 * Takes a database's lock.
 *
 * @throws PgctlError `lock_held` where somebody else holds it for longer than `waitMs`, saying who, from where
 * and since when.
 */
export async function acquireLock(request: Request, waiting: Waiting): Promise<DatabaseLock> {
  const end = performance.now() + waiting.waitMs;
  for (;;) {
    const holder = await tryLock(request);
    if (holder instanceof DatabaseLock) return holder;
    if (holder !== null) await waitUntilFree(request, holder, end, waiting.signal);
  }
}

/** The lock, or who holds it; null where it was given up just now. */
async function tryLock(request: Request): Promise<DatabaseLock | KeyValue | null> {
  const { kv, keys, databaseId, record, timing } = request;
  const key = keys.lock(databaseId);
  const lease = await Lease.grant(kv, timing.leaseSeconds, timing.clock);
  let holder: KeyValue | null;
  try {
    const result = await kv.txn({
      compare: [{ key, createRevision: '0' }],
      success: [{ op: 'put', key, value: encode(record), lease: lease.id }],
      failure: [{ op: 'get', key }],
    });
    holder = result.read[0]?.[0] ?? null;
    // A reply that was lost: the lock that is there hangs on this very lease.
    const token = result.succeeded
      ? result.revision
      : holder?.lease === lease.id
        ? holder.createRevision
        : null;
    if (token !== null) {
      lease.keep();
      return new DatabaseLock({ kv, keys, databaseId, record, lease, token });
    }
  } catch (error) {
    // Whether it was taken or not: nobody is going to keep it.
    await kv.dropLease(lease.id);
    // This process was stopped for longer than the lease: another one, then.
    if (error instanceof PgctlError && kvFailure(error.cause) === 'no_lease') return null;
    throw error;
  }
  await kv.dropLease(lease.id);
  return holder;
}

/** A lock whose process on this machine is no more need not wait for its lease to end. */
async function breakDeadLock({ kv, record }: Request, holder: KeyValue): Promise<boolean> {
  const held = readHolder(holder);
  if (held === null || !isDead(held.from, record.from)) return false;
  await kv.txn({
    compare: [{ key: holder.key, createRevision: holder.createRevision }],
    success: [{ op: 'delete', key: holder.key }],
    failure: [],
  });
  if (holder.lease !== '0') await kv.revokeLease(holder.lease);
  return true;
}

/** Looks again and again, not by a watch: those can die without a word. */
async function waitUntilFree(
  request: Request,
  holder: KeyValue,
  end: number,
  signal?: AbortSignal,
): Promise<void> {
  const { kv, timing, databaseId } = request;
  for (let there: KeyValue | null = holder; there !== null; there = await kv.get(holder.key)) {
    if (await breakDeadLock(request, there)) return;
    const left = end - performance.now();
    if (left <= 0) throw heldError(databaseId, there);
    await delay(Math.min(timing.pollMs, left), undefined, signal === undefined ? {} : { signal }).catch(
      () => {
        throw signal?.reason;
      },
    );
  }
}

function heldError(databaseId: string, holder: KeyValue): PgctlError {
  const task = readHolder(holder)?.task_id;
  return new PgctlError('lock_held', `database ${databaseId} is locked by ${describeHolder(holder)}`, {
    hint:
      task === undefined
        ? 'Wait for it to end, or give --lock-timeout.'
        : `Wait for it to end, give --lock-timeout, or see what it does: pgctl task logs ${task}`,
    details: holder.lease === '0' ? ['it is under no lease and will not end by itself'] : [],
  });
}
