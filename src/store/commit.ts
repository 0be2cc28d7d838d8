import { PgctlError } from '../errors.ts';
import type { Keys } from './keys.ts';
import type { Kv, TxnResult } from './kv.ts';
import type { KeyValue } from './range.ts';
import type { Compare, Op } from './txn.ts';
import { compareOf, opOf, readBackOf, sizeOf, type Write } from './write.ts';

/** etcd's own limit per list of a transaction; one more is an error. */
const MAX_OPERATIONS = 128;
/** Two compares and one operation of a commit belong to the lock. */
export const MAX_WRITES = MAX_OPERATIONS - 2;
/** etcd takes 1.5 MiB per request unless told otherwise. */
const MAX_BYTES = 1024 * 1024;

/** The lock that a commit is made under. */
export interface LockGuard {
  readonly key: string;
  /** The revision it was taken at. */
  readonly token: string;
  /** How often its key was written, as of the last commit under it. */
  readonly version: string;
  /** Milliseconds after which the lock has surely ended, so that trying longer is of no use. */
  readonly limitMs: number;
  /** The lock goes with this commit, which has to put something that nobody else puts. */
  readonly last: boolean;
}

export type Attempt =
  /** Carried out, at this revision. */
  | { readonly outcome: 'done'; readonly revision: string }
  /** The lock is another's, or nobody's; this is what is there now. */
  | { readonly outcome: 'lock_lost'; readonly holder: KeyValue | null }
  | { readonly outcome: 'refused'; readonly error: PgctlError };

/**
 * The one way to change the store: all writes or none, and only if every expectation holds.
 *
 * A reply that is lost on the way makes the transaction be sent again, and the second one then finds its own
 * work and fails. Under a lock this is told apart exactly: every commit compares how often the lock's key was
 * written and writes it once more (its value stays), so commits are a chain in which each can be carried out
 * once, in order, however often it is sent and however late a copy arrives; a count one higher than expected
 * is this commit's own. Comparing values instead would take another's equal write for one's own, and cannot
 * tell whether a delete was carried out. The last commit of a chain takes the lock away, and is known by what it
 * put. Without a lock (hosts, the store's meta record) there is no chain,
 * and values are compared; those records carry times or random ids.
 */
export async function attemptCommit(
  kv: Kv,
  keys: Keys,
  writes: readonly Write[],
  lock: LockGuard | null,
): Promise<Attempt> {
  if (writes.length > MAX_WRITES) {
    throw new PgctlError(
      'internal',
      `a commit of ${writes.length} writes is more than etcd's limit of ${MAX_WRITES}`,
    );
  }
  const guards: readonly Compare[] =
    lock === null
      ? []
      : [
          { key: lock.key, createRevision: lock.token },
          { key: lock.key, version: lock.version },
        ];
  const touch: readonly Op[] =
    lock === null ? [] : [{ op: lock.last ? 'delete' : 'touch', key: lock.key } as const];
  const readLock: readonly Op[] = lock === null ? [] : [{ op: 'get', key: lock.key }];
  const request = {
    compare: [...guards, ...writes.map(compareOf).filter((compare) => compare !== null)],
    success: [...touch, ...writes.map(opOf).filter((op) => op !== null)],
    failure: [...readLock, ...writes.map(readBackOf)],
  };
  const result = await kv.txn(request, lock?.limitMs);
  if (result.succeeded) return { outcome: 'done', revision: result.revision };
  return lock === null ? whyNot(keys, writes, result, 0) : whyNotUnder(lock, keys, writes, result);
}

function whyNotUnder(lock: LockGuard, keys: Keys, writes: readonly Write[], result: TxnResult): Attempt {
  const holder = result.read[0]?.[0] ?? null;
  if (holder?.createRevision !== lock.token) {
    const done = lock.last ? ownWork(foundBy(writes, result, 1), result) : null;
    return done ?? { outcome: 'lock_lost', holder };
  }
  const written = BigInt(holder.version) - BigInt(lock.version);
  if (result.repeated && written === 1n) return { outcome: 'done', revision: holder.modRevision };
  if (written !== 0n) {
    throw new PgctlError('internal', `the lock ${lock.key} was written by somebody who does not hold it`, {
      hint: 'Nothing but pgctl may write under its prefix in etcd.',
    });
  }
  return whyNot(keys, writes, result, 1);
}

function whyNot(keys: Keys, writes: readonly Write[], result: TxnResult, offset: number): Attempt {
  const found = foundBy(writes, result, offset);
  const done = offset === 0 ? ownWork(found, result) : null;
  if (done !== null) return done;
  const broken =
    found.find(({ write, there }) => !holds(write, there)) ??
    found.find(({ write }) => write.kind === 'check_unchanged');
  return { outcome: 'refused', error: refusal(keys, broken?.write, broken?.there ?? null) };
}

interface Found {
  readonly write: Write;
  readonly there: KeyValue | null;
}

function foundBy(writes: readonly Write[], result: TxnResult, offset: number): readonly Found[] {
  return writes.map((write, index) => ({ write, there: result.read[index + offset]?.[0] ?? null }));
}

/** A commit that was refused because an earlier attempt of its own had been carried out; null where that is not so. */
function ownWork(found: readonly Found[], result: TxnResult): Attempt | null {
  if (!result.repeated || !found.every(({ write, there }) => isDone(write, there))) return null;
  const put = found.find(({ write }) => write.kind === 'put');
  return { outcome: 'done', revision: put?.there?.modRevision ?? result.revision };
}

function isDone(write: Write, there: KeyValue | null): boolean {
  if (write.kind === 'put') return there?.value.equals(Buffer.from(write.value, 'utf8')) === true;
  return write.kind === 'check' || write.kind === 'check_unchanged' ? true : there === null;
}

function holds(write: Write, there: KeyValue | null): boolean {
  // Cannot be told from the one key that is read back; where all else holds, it is this that does not.
  if (write.kind === 'check_unchanged') return true;
  if (write.kind === 'delete_prefix' || write.expect === 'any') return true;
  if (write.expect === 'absent') return there === null;
  if (write.expect === 'present') return there !== null;
  return there?.modRevision === write.expect.modRevision;
}

function refusal(keys: Keys, write: Write | undefined, there: KeyValue | null): PgctlError {
  if (write === undefined || !('key' in write)) {
    return new PgctlError('stale', `${write?.prefix ?? 'the store'} changed in the meantime`, {
      hint: AGAIN,
    });
  }
  if (
    write.kind === 'put' &&
    write.expect === 'absent' &&
    there !== null &&
    write.key.startsWith(keys.ports())
  ) {
    return portTaken(keys, write.key, there);
  }
  const what =
    there === null
      ? 'was removed'
      : 'expect' in write && write.expect === 'absent'
        ? 'was made'
        : 'was changed';
  return new PgctlError('stale', `${write.key} ${what} by somebody else in the meantime`, { hint: AGAIN });
}

const AGAIN = 'Nothing was changed. Run the command again: it will work with what is there now.';

function portTaken(keys: Keys, key: string, there: KeyValue): PgctlError {
  const [host = '', port = ''] = key.slice(keys.ports().length).split('/');
  const holder = /"instance_id":"([a-z0-9.-]{1,100})"/.exec(there.value.toString('utf8'))?.[1];
  return new PgctlError(
    'port_taken',
    `port ${port} of host ${host} is taken by ${holder ?? 'another instance'}`,
    {
      hint: 'Nothing was changed. Choose another port, or leave it out and pgctl takes one that is free.',
    },
  );
}

/**
 * Splits writes into commits that etcd takes, in their order. `last` stays together in the final one; it
 * holds what makes the others count. Everything is in a single commit where that has room.
 */
export function chunksOf(writes: readonly Write[], last: readonly Write[]): readonly (readonly Write[])[] {
  const chunks: Write[][] = [];
  let chunk: Write[] = [];
  let size = 0;
  const room = (more: readonly Write[]): boolean =>
    chunk.length + more.length <= MAX_WRITES && size + total(more) <= MAX_BYTES;
  for (const write of writes) {
    if (chunk.length > 0 && !room([write])) {
      chunks.push(chunk);
      chunk = [];
      size = 0;
    }
    chunk.push(write);
    size += sizeOf(write);
  }
  if (room(last)) return [...chunks, [...chunk, ...last]];
  return [...chunks, chunk, [...last]];
}

function total(writes: readonly Write[]): number {
  return writes.reduce((sum, write) => sum + sizeOf(write), 0);
}

/** A commit of records that no database's lock guards: hosts, the meta record, a task's log. Returns its revision. */
export async function commitUnlocked(kv: Kv, keys: Keys, writes: readonly Write[]): Promise<string> {
  const attempt = await attemptCommit(kv, keys, writes, null);
  if (attempt.outcome === 'done') return attempt.revision;
  if (attempt.outcome === 'refused') throw attempt.error;
  throw new PgctlError('internal', 'a commit without a lock lost its lock');
}
