import { constants } from 'node:os';
import { execa } from 'execa';

/** What became of a program on a host that had pgctl's own terminal, or its stdin, stdout and stderr. */
export type AttachResult =
  /** It ran, and this is its exit status, 128 and the signal's number where a signal ended it. */
  | { readonly kind: 'exited'; readonly status: number }
  /** A signal ended the connection, not the program: 128 and the signal's number. */
  | { readonly kind: 'interrupted'; readonly status: number }
  /** Its time was over, so pgctl ended it, or where it is on a host the connection to it. */
  | { readonly kind: 'timed_out' }
  /** Nothing ran: the host does not answer, or does not let pgctl in. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** The connection ended before the program did, and nobody knows what became of it. */
  | { readonly kind: 'lost' };

/** Becomes root as the worker's commands do; see `attachCommand`. */
const START = {
  root: 'exec sh -c',
  sudo: 'exec sudo -n sh -c',
  none: 'exec sh -c',
} as const;

/** Characters in a word: a csh takes 1024 bytes at most. */
const WORD = 900;

/**
 * The command line for a login shell that becomes the given script. stdin is the program's own here, so the
 * script comes as words; base64 because no two login shells quote alike.
 */
export function attachCommand(privileges: keyof typeof START, script: string): string {
  const encoded = Buffer.from(script, 'utf8').toString('base64');
  const words = encoded.match(new RegExp(`.{1,${WORD}}`, 'g')) ?? [];
  return `${START[privileges]} 'eval "$(printf %s "$@" | base64 -d)"' pgctl ${words.join(' ')}`;
}

/** What does not end pgctl while the program runs, but is the program's to deal with. */
const SIGNALS = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP'] as const;
/** Those that come to pgctl alone; the others come from the terminal, to the child as well. */
const PASSED_ON: ReadonlySet<NodeJS.Signals> = new Set(['SIGTERM', 'SIGHUP']);
/** How long what was told to end may take over it, in milliseconds. */
const END_GRACE_MS = 5_000;
/** Exit status of ssh for its own failures. psql, sh and runuser never end with it. */
const SSH_FAILED = 255;

/**
 * Runs a program that has pgctl's stdin, stdout and stderr, byte for byte, until it ends. It is in pgctl's own
 * process group: it could not read from the terminal otherwise.
 */
export async function runAttached(command: {
  readonly file: string;
  readonly args: readonly string[];
  /** Whether it is ssh, whose own failures have an exit status of their own. */
  readonly remote: boolean;
  /** When it is ended, in milliseconds; null for never. */
  readonly limitMs: number | null;
}): Promise<AttachResult> {
  const child = execa(command.file, command.args, {
    stdio: 'inherit',
    reject: false,
    forceKillAfterDelay: false,
  });
  let interrupted: NodeJS.Signals | null = null;
  const listener = (signal: NodeJS.Signals): void => {
    interrupted = signal;
    if (PASSED_ON.has(signal)) child.kill(signal);
  };
  for (const signal of SIGNALS) process.on(signal, listener);
  let late = false;
  const timers =
    command.limitMs === null
      ? []
      : [
          setTimeout(() => {
            late = true;
            child.kill('SIGTERM');
          }, command.limitMs),
          setTimeout(() => child.kill('SIGKILL'), command.limitMs + END_GRACE_MS),
        ];
  const result = await child;
  timers.forEach(clearTimeout);
  for (const signal of SIGNALS) process.off(signal, listener);

  if (result.code === 'ENOENT')
    return { kind: 'unreachable', reason: `the program ${command.file} was not found` };
  if (late) return { kind: 'timed_out' };
  const failed = command.remote && result.exitCode === SSH_FAILED;
  const signal = result.signal ?? (failed ? interrupted : null);
  if (signal !== null) {
    return { kind: command.remote ? 'interrupted' : 'exited', status: 128 + constants.signals[signal] };
  }
  if (failed) return { kind: 'lost' };
  return { kind: 'exited', status: result.exitCode ?? 1 };
}
