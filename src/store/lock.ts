import { PgctlError } from '../errors.ts';
import type { LockRecord } from '../records/types.ts';
import { chunksOf, stagesOf, type Chunk, type ManyWrites } from './chunks.ts';
import { attemptCommit, type CommitPlace, type LockGuard } from './commit.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import type { KeyValue } from './range.ts';
import type { Lease } from './lease.ts';
import { describeHolder } from './lock-holder.ts';
import type { Write } from './write.ts';

/** A commit is tried for as long at least, in milliseconds: etcd may have given the lease more time. */
const LEAST_LIMIT_MS = 2000;
/** Transactions under way beside one another: with more of them etcd is no faster. */
const SIDE_BY_SIDE = 4;

/** Told of every transaction that was carried out. */
type Done = (chunk: Chunk, revision: string) => void;

/**
 * A database's lock, held. Every change of the database's records goes through `commit`, which etcd carries
 * out only while the lock is still this one.
 */
export class DatabaseLock {
  readonly databaseId: string;
  readonly record: LockRecord;
  readonly #kv: Kv;
  readonly #keys: Keys;
  readonly #lease: Lease;
  #guard: Omit<LockGuard, 'limitMs' | 'place'>;
  /** Commits go one after another: each compares what the one before it left. */
  #queue: Promise<unknown> = Promise.resolve();
  /** Commits whose outcome is not known: they are under way, or ended without it and may still be carried out late. */
  #unsettled = 0;
  /** When and how a commit last ran out of time. */
  #away: { readonly since: number; readonly error: PgctlError } | null = null;

  constructor(options: {
    readonly kv: Kv;
    readonly keys: Keys;
    readonly databaseId: string;
    readonly record: LockRecord;
    readonly lease: Lease;
    /** The lock's key as it was taken. */
    readonly token: string;
  }) {
    this.#kv = options.kv;
    this.#keys = options.keys;
    this.#lease = options.lease;
    this.databaseId = options.databaseId;
    this.record = options.record;
    this.#guard = { key: options.keys.lock(options.databaseId), token: options.token, version: '1' };
  }

  get key(): string {
    return this.#guard.key;
  }

  /** The revision the lock was taken at: a later holder's is higher. */
  get token(): string {
    return this.#guard.token;
  }

  get leaseId(): string {
    return this.#lease.id;
  }

  /**
   * Whether nothing new may be started: two thirds of the lease passed without etcd acknowledging it, or etcd
   * says that it is gone. Never false again once it was true. Commits may still succeed; etcd decides those.
   */
  get lost(): boolean {
    return this.#lease.expired;
  }

  /** Milliseconds until it counts as lost if etcd is not heard of again. */
  get remainingMs(): number {
    return this.#lease.remainingMs();
  }

  /** @throws PgctlError `lock_lost` where nothing new may be started. */
  assertHeld(): void {
    if (this.lost) throw this.#lostError(null);
  }

  /** Calls back once, when the lock counts as lost; what runs is then to be stopped. Returns how to take that back. */
  onDeadline(listener: () => void): () => void {
    return this.#lease.onDeadline(listener);
  }

  /**
   * Carries out all writes in one transaction, or none of them. Returns its revision, which is the mod
   * revision of everything that was put.
   *
   * @throws PgctlError `lock_lost`; `port_taken` where a reservation was there already; `stale`, naming the
   * key, where another expectation did not hold; in these cases nothing was written. `etcd_unreachable` where
   * the outcome is not known.
   */
  commit(writes: readonly Write[]): Promise<string> {
    return this.#inTurn(() => this.#commitNow(writes));
  }

  /**
   * The same for more writes than etcd takes at once: in several transactions, `last` in the final one. What
   * `last` does not follow does not count. Returns the new mod revision of each key that was put.
   *
   * Where a later transaction is refused, keys that an earlier one made (those expected to be absent, such as
   * reservations) are removed again.
   *
   * @throws as `commit`
   */
  commitChunked(writes: readonly Write[], last: readonly Write[]): Promise<ReadonlyMap<string, string>> {
    return this.#inTurn(() => this.#inOrder(chunksOf(writes, last), 'next'));
  }

  /**
   * The same as the last thing that is done under this lock, which goes with `last`: whoever is killed after it
   * holds nothing. Among `last` is a record that nobody else writes.
   *
   * @throws as `commit`
   */
  commitAndRelease(writes: readonly Write[], last: readonly Write[]): Promise<ReadonlyMap<string, string>> {
    return this.#inTurn(() => this.#inOrder(chunksOf(writes, last), 'last'));
  }

  /**
   * The same as `commitChunked` for very many writes. First come those that somebody else can have refused, one
   * transaction after another, so that such a refusal finds nothing changed that could not be undone; then those
   * that nobody else makes, some transactions side by side; and when all of them are carried out, `last`, alone.
   *
   * @throws as `commit`
   */
  commitMany(writes: ManyWrites): Promise<ReadonlyMap<string, string>> {
    return this.#inTurn(() =>
      this.#orUndone(async (done) => {
        const { first, beside, last } = stagesOf(writes);
        for (const chunk of first) done(chunk, await this.#commitNow(chunk));
        await this.#noting(() => this.#sideBySide(beside, done));
        done(last, await this.#commitNow(last));
      }),
    );
  }

  /**
   * Gives the lock up, after the commits that are under way. Does not throw: where etcd does not answer, the
   * lease ends the lock by itself.
   */
  async release(): Promise<void> {
    await this.#queue.catch(() => undefined);
    this.#lease.stop();
    // The lock's key is under the lease, and goes with it.
    if (!this.#lease.gone) await this.#kv.dropLease(this.#lease.id);
  }

  #inOrder(chunks: readonly Chunk[], lastPlace: CommitPlace): Promise<ReadonlyMap<string, string>> {
    return this.#orUndone(async (done) => {
      for (const chunk of chunks) {
        done(chunk, await this.#commitNow(chunk, chunk === chunks.at(-1) ? lastPlace : 'next'));
      }
    });
  }

  /** Returns the revision of each key that was put; where the work fails, what it made is removed again. */
  async #orUndone(work: (done: Done) => Promise<void>): Promise<ReadonlyMap<string, string>> {
    const revisions = new Map<string, string>();
    const carriedOut: Chunk[] = [];
    try {
      await work((chunk, revision) => {
        carriedOut.push(chunk);
        for (const write of chunk) if (write.kind === 'put') revisions.set(write.key, revision);
      });
    } catch (error) {
      await this.#undo(carriedOut.flat(), revisions);
      throw error;
    }
    return revisions;
  }

  /**
   * Ends when none of them is under way any more: what comes next in the chain must not meet one of them. After
   * the first failure, which is the one that is told, none is begun.
   */
  async #sideBySide(chunks: readonly Chunk[], done: Done): Promise<void> {
    if (this.#unsettled > 0) await this.#settle();
    const waiting = chunks.values();
    const failures: unknown[] = [];
    const runner = async (): Promise<void> => {
      for (const chunk of waiting) {
        try {
          done(chunk, await this.#attempt(chunk, 'beside'));
        } catch (error) {
          failures.push(error);
        }
        if (failures.length > 0) return;
      }
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, runner));
    if (failures.length > 0) throw failures[0];
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const asked = performance.now();
    const turn = this.#queue.then(() => {
      // What waited while etcd did not answer has waited long enough.
      if (this.#away !== null && this.#away.since > asked) throw this.#away.error;
      return run();
    });
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  #commitNow(writes: readonly Write[], place: CommitPlace = 'next'): Promise<string> {
    return this.#noting(async () => {
      if (this.#lease.gone) throw this.#lostError(null);
      if (this.#unsettled > 0) await this.#settle();
      const revision = await this.#attempt(writes, place);
      this.#guard = { ...this.#guard, version: String(BigInt(this.#guard.version) + 1n) };
      return revision;
    });
  }

  /** Keeps in mind that etcd was away, for what waits for its turn meanwhile. */
  async #noting<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof PgctlError && error.code === 'etcd_unreachable') {
        this.#away = { since: performance.now(), error };
      }
      throw error;
    }
  }

  async #attempt(writes: readonly Write[], place: CommitPlace): Promise<string> {
    if (this.#lease.gone) throw this.#lostError(null);
    // Not known again until it is answered; an error that etcd answered with did not carry anything out.
    this.#unsettled++;
    const attempt = await attemptCommit(
      this.#kv,
      this.#keys,
      writes,
      this.#limited({ ...this.#guard, place }),
    );
    if (attempt.outcome !== 'refused' || !attempt.repeated) this.#unsettled--;
    if (attempt.outcome === 'refused') throw attempt.error;
    if (attempt.outcome === 'lock_lost') throw this.#lostTo(attempt.holder);
    return attempt.revision;
  }

  #limited(guard: Omit<LockGuard, 'limitMs'>): LockGuard {
    return { ...guard, limitMs: this.#limitMs() };
  }

  #limitMs(): number {
    return Math.max(LEAST_LIMIT_MS, this.#lease.leftMs());
  }

  /** Takes the next place in the chain of commits, so that none of before can be carried out any more. */
  async #settle(): Promise<void> {
    for (;;) {
      const there = await this.#kv.get(this.key, this.#limitMs());
      if (there?.createRevision !== this.token) throw this.#lostTo(there);
      const guard = { ...this.#guard, version: there.version, place: 'next' as const };
      const attempt = await attemptCommit(this.#kv, this.#keys, [], this.#limited(guard)).catch(
        (error: unknown) => {
          // Somebody, and that can only be the commit that was not settled, came in between: look again.
          if (error instanceof PgctlError && error.code === 'internal') return null;
          throw error;
        },
      );
      if (attempt?.outcome === 'lock_lost') throw this.#lostTo(attempt.holder);
      if (attempt?.outcome === 'done') {
        this.#guard = { ...this.#guard, version: String(BigInt(guard.version) + 1n) };
        this.#unsettled = 0;
        return;
      }
    }
  }

  /** Best effort: after a refusal the error that is told is that one. */
  async #undo(done: readonly Write[], revisions: ReadonlyMap<string, string>): Promise<void> {
    const made = done.flatMap((write): Write[] => {
      const modRevision =
        write.kind === 'put' && write.expect === 'absent' ? revisions.get(write.key) : undefined;
      return write.kind !== 'put' || modRevision === undefined
        ? []
        : [{ kind: 'delete', key: write.key, expect: { modRevision } }];
    });
    try {
      for (const chunk of made.length === 0 ? [] : chunksOf(made, [])) await this.#commitNow(chunk);
    } catch {
      // The lock or etcd is gone: what is left names instances of a task that was never recorded.
    }
  }

  #lostTo(holder: KeyValue | null): PgctlError {
    this.#lease.markGone();
    return this.#lostError(holder);
  }

  #lostError(holder: KeyValue | null): PgctlError {
    const now = holder === null ? '' : `; it is now held by ${describeHolder(holder)}`;
    return new PgctlError('lock_lost', `the lock on database ${this.databaseId} was lost${now}`, {
      hint: 'Nothing more was written or started. Look at `pgctl task list`, then run the command again.',
      taskId: this.record.task_id,
    });
  }
}
