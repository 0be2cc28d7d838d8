import { setTimeout as delay } from 'node:timers/promises';
import { toPgctlError, type PgctlError } from '../errors.ts';
import type { Kv } from './kv.ts';

/** What somebody who follows etcd is told. */
export interface Follower {
  /** Something has changed, or may have while nobody could tell: it is to be read anew. */
  changed(): void;
  /** etcd answers, and what was read after the last change is what is there. */
  confirmed(): void;
  /** etcd does not answer, or says no. Comes again as long as that is so. */
  silent(error: PgctlError): void;
}

export interface FollowTiming {
  /** How often etcd is asked whether it is there, and how long it may take to say so, in milliseconds. */
  readonly pingMs: number;
  readonly answerMs: number;
  /** How long is waited before it is tried again. */
  readonly retryMs: number;
  /** How often everything is read anew, should the stream have died and not said so. */
  readonly rereadMs: number;
}

const TIMING: FollowTiming = { pingMs: 1000, answerMs: 2000, retryMs: 300, rereadMs: 15_000 };

/**
 * Follows what changes below some prefixes, over restarts of etcd, until the signal fires. A stream of changes
 * that died may look like one on which nothing happens, so etcd is asked beside it whether it is there, and
 * after every silence the stream is a new one.
 */
export async function follow(
  {
    kv,
    prefixes,
    timing = TIMING,
  }: { readonly kv: Kv; readonly prefixes: readonly string[]; readonly timing?: FollowTiming },
  follower: Follower,
  signal: AbortSignal,
): Promise<void> {
  const pause = (ms: number, until = signal): Promise<unknown> =>
    delay(ms, undefined, { signal: until }).catch(() => undefined);
  const [any = ''] = prefixes;
  while (!signal.aborted) {
    const ended = new AbortController();
    const over = AbortSignal.any([signal, ended.signal]);
    let close: () => void = () => undefined;
    try {
      // It also settles which endpoint is next, and gets a token that is good.
      await kv.ping(any, timing.answerMs);
      close = await kv.watch(prefixes, { changed: () => follower.changed(), ended: () => ended.abort() });
      for (let quiet = 0; !over.aborted; quiet += timing.pingMs) {
        await pause(timing.pingMs, over);
        if (over.aborted) break;
        await kv.ping(any, timing.answerMs);
        if (quiet % timing.rereadMs === timing.rereadMs - timing.pingMs) follower.changed();
        else follower.confirmed();
      }
    } catch (thrown) {
      if (!signal.aborted) follower.silent(toPgctlError(thrown));
    } finally {
      close();
    }
    if (!signal.aborted) await pause(timing.retryMs);
  }
}
