import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { EXIT, type ExitCode, type PgctlError } from '../../src/errors.ts';
import { endBySignal, endedCode, onContinued } from '../../src/executor/signals.ts';
import type { Follower } from '../../src/store/store.ts';
import type { StatusDocument } from '../../src/ui/documents.ts';
import type { App } from './app.ts';
import { readStatus } from './status-document.ts';

/** The status as it was read last, and what is known of its age. */
export interface Seen {
  readonly status: StatusDocument;
  /** When it was known to be so, of the monotonic clock, in milliseconds. */
  readonly at: number;
  /** Why it may be old; null while etcd answers. */
  readonly silence: PgctlError | null;
}

/** Changes within this time are read together, in milliseconds. */
const GATHER_MS = 50;

/**
 * Reads the status whenever something of it changes, and gives it away, until it is told to end. No host is
 * asked, and etcd only after it said that there is something to read.
 *
 * @throws PgctlError where etcd does not answer to begin with
 */
export async function watchStatus(
  app: App,
  onSeen: (seen: Seen) => void,
  signal: AbortSignal,
): Promise<void> {
  const store = await app.store();
  let seen: Seen = { status: await readStatus(app), at: performance.now(), silence: null };
  onSeen(seen);
  const show = (changes: Partial<Seen>): void => {
    seen = { ...seen, ...changes };
    if (!signal.aborted) onSeen(seen);
  };

  let wanted = false;
  let reading: Promise<void> | null = null;
  const read = async (): Promise<void> => {
    while (wanted && !signal.aborted) {
      await delay(GATHER_MS);
      wanted = false;
      const at = performance.now();
      try {
        show({ status: await readStatus(app), at, silence: null });
      } catch (thrown) {
        // Whoever follows is told as well, and tells when there is something to read again.
        wanted = false;
        if (!(thrown instanceof Error)) throw thrown;
      }
    }
  };
  const follower: Follower = {
    changed() {
      wanted = true;
      reading ??= read().finally(() => {
        reading = null;
      });
    },
    confirmed() {
      // What was read before a change that is not read yet is confirmed by nothing.
      if (reading === null) show({ at: performance.now(), silence: null });
    },
    silent: (error) => show({ silence: error }),
  };
  // What etcd said before a stop confirms nothing after it.
  const unlisten = onContinued(() => follower.changed());
  try {
    await store.followFleet(follower, signal);
  } finally {
    unlisten();
  }
}

/** Runs until a key, a signal, its time limit, or a reader that went away ends it; the exit code says which. */
export async function untilEnded(
  app: App,
  run: (end: { readonly signal: AbortSignal; readonly by: (code: ExitCode) => void }) => Promise<void>,
): Promise<ExitCode> {
  const ending = endBySignal(app.globals.timeoutMs);
  const own = new AbortController();
  let code: ExitCode = EXIT.ok;
  app.io.stdout.once('error', () => own.abort());
  try {
    await run({
      signal: AbortSignal.any([ending.signal, own.signal]),
      by: (given) => {
        code = given;
        own.abort();
      },
    });
    return ending.signal.aborted ? endedCode(ending) : code;
  } finally {
    ending.dispose();
  }
}
