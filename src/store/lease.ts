import { setTimeout as delay } from 'node:timers/promises';
import { uptime } from 'node:os';
import type { Kv } from './kv.ts';

/** Milliseconds that only ever grow, and go on while this process is stopped or the machine sleeps. */
export type Clock = () => Elapsed;
interface Elapsed {
  readonly running: number;
  readonly booted: number;
}

/**
 * `performance.now()` goes on while the process is stopped, but not while the machine is suspended; the
 * machine's uptime does, in hundredths of a second.
 */
export const systemClock: Clock = () => ({ running: performance.now(), booted: uptime() * 1000 });

/** How far the two clocks may differ from rounding alone, in ms. */
const UPTIME_ROUNDING = 50;

function since(clock: Clock, start: Elapsed): number {
  const now = clock();
  return Math.max(now.running - start.running, now.booted - start.booted - UPTIME_ROUNDING);
}

/** Milliseconds before a renewal that failed is tried again. */
const RETRY_MS = 500;

/**
 * A lease that is kept alive, and that knows by this process's own clock when it can no longer be relied on.
 *
 * At two thirds of its time without an acknowledgement its deadline has passed: nothing new may be started.
 * That is not taken back when etcd answers again, because what ran has been told to stop; but renewing goes
 * on, so that what is left to be written can be, if the lease still lives.
 */
export class Lease {
  readonly id: string;
  readonly #kv: Kv;
  readonly #ttlMs: number;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  readonly #stopped = new AbortController();
  #acknowledged: Elapsed;
  #expired = false;
  #gone = false;
  #timer: NodeJS.Timeout | undefined;

  private constructor(kv: Kv, id: string, ttlSeconds: number, clock: Clock, acknowledged: Elapsed) {
    this.#kv = kv;
    this.id = id;
    this.#ttlMs = ttlSeconds * 1000;
    this.#clock = clock;
    this.#acknowledged = acknowledged;
  }

  static async grant(kv: Kv, ttlSeconds: number, clock: Clock): Promise<Lease> {
    // Counted from before the request: etcd's own count begins at some time after that.
    const asked = clock();
    const id = await kv.grantLease(ttlSeconds);
    return new Lease(kv, id, ttlSeconds, clock, asked);
  }

  /** Begins to renew it, at about a quarter of its time. Its timers do not keep the process alive. */
  keep(): void {
    this.#watch();
    this.#renewals().catch(() => undefined);
  }

  /** Milliseconds until its deadline, by this process's clock; never more than two thirds of its time. */
  remainingMs(): number {
    return (this.#ttlMs * 2) / 3 - since(this.#clock, this.#acknowledged);
  }

  /** Milliseconds until it ends in etcd as well, if etcd has not given it more time since. */
  leftMs(): number {
    return this.#ttlMs - since(this.#clock, this.#acknowledged);
  }

  /** Whether its deadline has passed, or etcd says that it is gone. Never false again once it was true. */
  get expired(): boolean {
    if (!this.#expired && this.remainingMs() <= 0) this.#expire();
    return this.#expired;
  }

  /** Whether etcd says that it is gone. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Calls back once, when its deadline passes; at once where it has passed. Returns how to take that back. */
  onDeadline(listener: () => void): () => void {
    if (this.expired) listener();
    else this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Called by whoever learns from etcd that the lease, or what was under it, is gone. */
  markGone(): void {
    this.#gone = true;
    this.#expire();
    this.stop();
  }

  /** Ends the renewals, not the lease. */
  stop(): void {
    this.#stopped.abort();
    clearTimeout(this.#timer);
  }

  async #renewals(): Promise<void> {
    let pause = this.#ttlMs / 4;
    while (await this.#pause(pause)) {
      const asked = this.#clock();
      try {
        const seconds = await this.#kv.keepAliveOnce(this.id);
        if (this.#stopped.signal.aborted) return;
        if (seconds === 0) {
          this.markGone();
          return;
        }
        this.#acknowledged = asked;
        this.#watch();
        pause = this.#ttlMs / 4;
      } catch {
        // Not answered: the deadline decides, not the number of failures.
        pause = Math.min(RETRY_MS, this.#ttlMs / 8);
      }
    }
  }

  async #pause(ms: number): Promise<boolean> {
    try {
      await delay(ms, undefined, { signal: this.#stopped.signal, ref: false });
      return true;
    } catch {
      return false;
    }
  }

  #watch(): void {
    clearTimeout(this.#timer);
    if (this.#expired) return;
    this.#timer = setTimeout(
      () => {
        if (!this.expired) this.#watch();
      },
      Math.max(1, this.remainingMs()),
    );
    this.#timer.unref();
  }

  #expire(): void {
    if (this.#expired) return;
    this.#expired = true;
    clearTimeout(this.#timer);
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }
}
