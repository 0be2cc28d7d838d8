import { PgctlError } from '../errors.ts';
import type { Keys } from './keys.ts';
import type { Kv, TxnResult } from './kv.ts';
import type { KeyValue } from './range.ts';
import type { Compare, Op } from './txn.ts';
import { compareOf, opOf, readBackOf, readBackSpec, type Write } from './write.ts';

/** etcd's own limit per list of a transaction; one more is an error. */
const MAX_OPERATIONS = 128;
/** Two compares and one operation of a commit belong to the lock. */
export const MAX_WRITES = MAX_OPERATIONS - 2;

/** The lock that a commit is made under. */
export interface LockGuard {
  readonly key: string;
  /** The revision it was taken at. */
  readonly token: string;
  /** How often its key was written, as of the last commit under it. */
  readonly version: string;
  /** Milliseconds after which the lock has surely ended, so that trying longer is of no use. */
  readonly limitMs: number;
  readonly place: CommitPlace;
}

/** Where a commit stands in the chain of commits that are made under one lock. */
export type CommitPlace =
  /** The next link. */
  | 'next'
  /** The last link: the lock goes with it. It has to put something that nobody else puts. */
  | 'last'
  /** Beside others, before the next link. All its writes are such that can be carried out only once. */
  | 'beside';

export type Attempt =
  /** Carried out, at this revision. */
  | { readonly outcome: 'done'; readonly revision: string }
  /** The lock is another's, or nobody's; this is what is there now. */
  | { readonly outcome: 'lock_lost'; readonly holder: KeyValue | null }
  | {
      readonly outcome: 'refused';
      readonly error: PgctlError;
      /** An earlier copy of it may be on its way, and not be refused when it comes. */
      readonly repeated: boolean;
    };

/**
 * The one way to change the store: all writes or none, and only if every expectation holds.
 *
 * A reply that is lost on the way makes the transaction be sent again, and the second one then finds its own
 * work and fails. Under a lock this is told apart exactly: every commit compares how often the lock's key was
 * written and writes it once more (its value stays), so commits are a chain in which each can be carried out
 * once, in order, however often it is sent and however late a copy arrives; a count one higher than expected
 * is this commit's own. Comparing values instead would take another's equal write for one's own, and cannot
 * tell whether a delete was carried out. The last commit of a chain takes the lock away, and is known by what it
 * put.
 *
 * Commits that go beside one another compare the count as well and leave it as it is. A copy that comes after the
 * next link was made is refused by the count, and one that comes before it by what the first copy wrote. Such a
 * commit knows its own work by its values, all put at one revision after the link before: until the next link
 * nobody but the holder of the lock, which is still held then, can have put them.
 *
 * Why a commit was refused is read only when it was: reads of every key in every transaction would cost more than
 * what is written. Where the lock cannot tell whether it was carried out, they are part of the transaction.
 *
 * Without a lock (hosts, the store's meta record) there is no chain,
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
  const readLock: readonly Op[] = lock === null ? [] : [{ op: 'get', key: lock.key }];
  const readsBack = lock === null || lock.place === 'last';
  const request = {
    compare: [...guards, ...writes.map(compareOf).filter((compare) => compare !== null)],
    success: [...linkOf(lock), ...writes.map(opOf).filter((op) => op !== null)],
    failure: [...readLock, ...(readsBack ? writes.map(readBackOf) : [])],
  };
  const result = await kv.txn(request, lock?.limitMs);
  if (result.succeeded) return { outcome: 'done', revision: result.revision };
  if (lock === null) return ownWork(foundBy(writes, result.read), result) ?? whyNot(keys, writes, result);
  return whyNotUnder(lock, { kv, keys, writes, result });
}

/** What a commit does to the key of its lock. */
function linkOf(lock: LockGuard | null): readonly Op[] {
  if (lock === null || lock.place === 'beside') return [];
  return [{ op: lock.place === 'last' ? 'delete' : 'touch', key: lock.key }];
}

interface Refused {
  readonly kv: Kv;
  readonly keys: Keys;
  readonly writes: readonly Write[];
  readonly result: TxnResult;
}

async function whyNotUnder(lock: LockGuard, { kv, keys, writes, result }: Refused): Promise<Attempt> {
  const holder = result.read[0]?.[0] ?? null;
  if (holder?.createRevision !== lock.token) {
    const done = lock.place === 'last' ? ownWork(foundBy(writes, result.read.slice(1)), result) : null;
    return done ?? { outcome: 'lock_lost', holder };
  }
  const written = BigInt(holder.version) - BigInt(lock.version);
  if (lock.place !== 'beside' && result.repeated && written === 1n) {
    return { outcome: 'done', revision: holder.modRevision };
  }
  if (written !== 0n) {
    throw new PgctlError('internal', `the lock ${lock.key} was written by somebody who does not hold it`, {
      hint: 'Nothing but pgctl may write under its prefix in etcd.',
    });
  }
  if (lock.place === 'last') return whyNot(keys, writes, { ...result, read: result.read.slice(1) });
  const [now = [], ...read] = await kv.read([{ key: lock.key }, ...writes.map(readBackSpec)], lock.limitMs);
  if (now[0]?.createRevision !== lock.token) return { outcome: 'lock_lost', holder: now[0] ?? null };
  const own = lock.place === 'beside' ? ownBeside(now[0], foundBy(writes, read), result) : null;
  return own ?? whyNot(keys, writes, { ...result, read });
}

function whyNot(keys: Keys, writes: readonly Write[], { read, repeated }: TxnResult): Attempt {
  const found = foundBy(writes, read);
  const broken =
    found.find(({ write, there }) => !holds(write, there)) ??
    found.find(({ write }) => write.kind === 'check_unchanged');
  return { outcome: 'refused', error: refusal(keys, broken?.write, broken?.there ?? null), repeated };
}

interface Found {
  readonly write: Write;
  readonly there: KeyValue | null;
}

function foundBy(writes: readonly Write[], read: TxnResult['read']): readonly Found[] {
  return writes.map((write, index) => ({ write, there: read[index]?.[0] ?? null }));
}

/** A commit that was refused because an earlier attempt of its own had been carried out; null where that is not so. */
function ownWork(found: readonly Found[], result: TxnResult): Attempt | null {
  if (!result.repeated || !found.every(({ write, there }) => isDone(write, there))) return null;
  const put = found.find(({ write }) => write.kind === 'put');
  return { outcome: 'done', revision: put?.there?.modRevision ?? result.revision };
}

/** The same for one that went beside others, whose lock is still at the link before. */
function ownBeside(lock: KeyValue, found: readonly Found[], result: TxnResult): Attempt | null {
  const revision = found[0]?.there?.modRevision;
  if (revision === undefined || BigInt(revision) <= BigInt(lock.modRevision)) return null;
  return found.every(({ there }) => there?.modRevision === revision) ? ownWork(found, result) : null;
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

/** A commit of records that no database's lock guards: hosts, the meta record, a task's log. Returns its revision. */
export async function commitUnlocked(kv: Kv, keys: Keys, writes: readonly Write[]): Promise<string> {
  const attempt = await attemptCommit(kv, keys, writes, null);
  if (attempt.outcome === 'done') return attempt.revision;
  if (attempt.outcome === 'refused') throw attempt.error;
  throw new PgctlError('internal', 'a commit without a lock lost its lock');
}
