import { type ExitCode, PgctlError, toPgctlError } from '../errors.ts';

const SIGNALS = {
  SIGINT: 'sigint',
  SIGTERM: 'sigterm',
  SIGHUP: 'sighup',
} as const;
type SignalCode = (typeof SIGNALS)[keyof typeof SIGNALS];

/** How long what runs may go on once an operation is told to stop, in milliseconds; then it is ended. */
export const GRACE_MS = 60_000;

/** How an operation is told to stop from outside. */
export interface Interruption {
  /** Fires at the first signal, or when it is told to: nothing new is started, what runs ends by itself. */
  readonly stop: AbortSignal;
  /** Fires at the second, when the grace period is over, or when the lock is lost: what runs is ended too. */
  readonly kill: AbortSignal;
  /** From now on there is something to finish: until then the first signal ends everything there is. */
  begin(taskId: string): void;
  /** Starts nothing more, for this reason. */
  stopFor(reason: PgctlError): void;
  /** Ends everything at once, for this reason. */
  killNow(reason: PgctlError): void;
  /** Gives the signals back to whoever had them. */
  dispose(): void;
}

export interface Listening {
  readonly say: (message: string) => void;
  readonly graceMs?: number;
}

/** Listens for SIGINT, SIGTERM and SIGHUP while an operation runs. */
export function listenForSignals({ say, graceMs = GRACE_MS }: Listening): Interruption {
  const stop = new AbortController();
  const kill = new AbortController();
  let taskId: string | null = null;
  let grace: NodeJS.Timeout | undefined;
  const stopFor = (reason: PgctlError): void => {
    if (stop.signal.aborted) return;
    stop.abort(reason);
    grace = setTimeout(() => {
      say(`ending what still runs after ${graceMs / 1000} s`);
      kill.abort(reason);
    }, graceMs);
    grace.unref();
  };
  const unlisten = onSignals((signal, code) => {
    const error = new PgctlError(code, `stopped by ${signal}`, {
      hint:
        taskId === null
          ? 'Nothing was changed.'
          : `Running the same command again finishes it, and so does \`pgctl task resume ${taskId}\`.`,
    });
    if (stop.signal.aborted) {
      say(`${signal} again: ending what runs`);
      kill.abort(error);
      return;
    }
    if (taskId !== null) {
      const soon = `once more, or ${graceMs / 1000} s, ends that too`;
      say(`${signal}: starting nothing more and waiting for what runs; ${soon}`);
    }
    stopFor(error);
  });
  return {
    stop: stop.signal,
    kill: kill.signal,
    begin(id) {
      taskId = id;
    },
    stopFor,
    killNow(reason) {
      stop.abort(reason);
      kill.abort(reason);
    },
    dispose() {
      clearTimeout(grace);
      unlisten();
    },
  };
}

/** Whether an error says that a signal ended pgctl. */
export function isSignal(error: unknown): error is PgctlError {
  return error instanceof PgctlError && Object.values<string>(SIGNALS).includes(error.code);
}

/** What a promise comes to, or the signal's reason as soon as it fires; what goes on then, nobody waits for. */
export async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  let undo: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    const listener = (): void => reject(signal.reason as Error);
    if (signal.aborted) listener();
    signal.addEventListener('abort', listener, { once: true });
    undo = () => signal.removeEventListener('abort', listener);
  });
  work.catch(() => undefined);
  return Promise.race([aborted, work]).finally(undo);
}

/** Ends what only reads when pgctl is told to end. */
export interface Ending {
  /** Fires at the first SIGINT, SIGTERM or SIGHUP; its reason is a PgctlError that says which. */
  readonly signal: AbortSignal;
  /** Gives the signals back to whoever had them. */
  dispose(): void;
}

/** Listens for the first signal. With a limit, in milliseconds, the end of that time is one, too: `timeout`. */
export function endBySignal(limitMs: number | null = null): Ending {
  const bySignal = endWhere(() => true);
  if (limitMs === null) return bySignal;
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(new PgctlError('timeout', `ended by its time limit of ${limitMs / 1000} s`)),
    limitMs,
  );
  return {
    signal: AbortSignal.any([bySignal.signal, late.signal]),
    dispose() {
      clearTimeout(timer);
      bySignal.dispose();
    },
  };
}

/** What a command ends with that was told to end. A signal needs no more words; the end of its time does. */
export function endedCode(ending: Ending): ExitCode {
  const reason: unknown = ending.signal.reason;
  if (isSignal(reason)) return reason.exitCode;
  throw toPgctlError(reason);
}

/**
 * The same for a whole command: a signal that nobody else listens for ends it. Who has something to finish
 * listens too, for as long as that takes.
 */
export function endUnlessHeard(): Ending {
  return endWhere((signal) => process.listenerCount(signal) === 1);
}

function endWhere(counts: (signal: NodeJS.Signals) => boolean): Ending {
  const end = new AbortController();
  const dispose = onSignals((signal, code) => {
    if (counts(signal)) end.abort(new PgctlError(code, `stopped by ${signal}`));
  });
  return { signal: end.signal, dispose };
}

/** Tells of every time that pgctl goes on after it was stopped, by Ctrl-Z or otherwise. Returns how to end that. */
export function onContinued(told: () => void): () => void {
  process.on('SIGCONT', told);
  return () => void process.off('SIGCONT', told);
}

function onSignals(heard: (signal: NodeJS.Signals, code: SignalCode) => void): () => void {
  const listeners = (Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]).map((signal) => {
    const listener = (): void => heard(signal, SIGNALS[signal]);
    process.on(signal, listener);
    return { signal, listener };
  });
  return () => {
    for (const { signal, listener } of listeners) process.off(signal, listener);
  };
}
