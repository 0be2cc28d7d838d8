import { PgctlError } from '../errors.ts';

const SIGNALS = {
  SIGINT: 'sigint',
  SIGTERM: 'sigterm',
  SIGHUP: 'sighup',
} as const;

/** How an operation is told to stop from outside. */
export interface Interruption {
  /** Fires at the first signal, or when it is told to: nothing new is started, what runs ends by itself. */
  readonly stop: AbortSignal;
  /** Fires at the second, or when the lock is lost: what runs is ended too. */
  readonly kill: AbortSignal;
  /** Starts nothing more, for this reason. */
  stopFor(reason: PgctlError): void;
  /** Ends everything at once, for this reason. */
  killNow(reason: PgctlError): void;
  /** Gives the signals back to whoever had them. */
  dispose(): void;
}

/** Listens for SIGINT, SIGTERM and SIGHUP while an operation runs. */
export function listenForSignals(say: (message: string) => void): Interruption {
  const stop = new AbortController();
  const kill = new AbortController();
  const listeners = Object.entries(SIGNALS).map(([signal, code]) => {
    const listener = (): void => {
      const error = new PgctlError(code, `stopped by ${signal}`, {
        hint: 'Running the same command again finishes it.',
      });
      if (!stop.signal.aborted) {
        say(`${signal}: starting nothing more and waiting for what runs; once more ends that too`);
        stop.abort(error);
        return;
      }
      say(`${signal} again: ending what runs`);
      kill.abort(error);
    };
    process.on(signal, listener);
    return { signal, listener };
  });
  return {
    stop: stop.signal,
    kill: kill.signal,
    stopFor(reason) {
      stop.abort(reason);
    },
    killNow(reason) {
      stop.abort(reason);
      kill.abort(reason);
    },
    dispose() {
      for (const { signal, listener } of listeners) process.off(signal, listener);
    },
  };
}

/** Ends what only reads when pgctl is told to end. */
export interface Ending {
  /** Fires at the first SIGINT, SIGTERM or SIGHUP; its reason is a PgctlError that says which. */
  readonly signal: AbortSignal;
  /** Gives the signals back to whoever had them. */
  dispose(): void;
}

/** Listens for the first signal only: a second one ends pgctl at once, and its host notices. */
export function endBySignal(): Ending {
  const end = new AbortController();
  const listeners = Object.entries(SIGNALS).map(([signal, code]) => {
    const listener = (): void => end.abort(new PgctlError(code, `stopped by ${signal}`));
    process.once(signal, listener);
    return { signal, listener };
  });
  return {
    signal: end.signal,
    dispose() {
      for (const { signal, listener } of listeners) process.off(signal, listener);
    },
  };
}
