import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';

/** How a child ended; where it never began, only Node's code for why, such as `ENOENT`. */
export interface Exit {
  readonly exitCode?: number;
  readonly signal?: NodeJS.Signals;
  readonly code?: string;
}

export interface Spawned {
  /** Null where it never began. */
  readonly child: ChildProcess | null;
  /** Comes when it has ended and its outputs are closed. Does not reject. */
  readonly exit: Promise<Exit>;
}

/** How long a child that was told to end may take over it, in milliseconds. */
const END_GRACE_MS = 5_000;

/** How a child is started. */
export interface Start {
  readonly stdio: StdioOptions;
  /** The environment, where it was read before: Node reads each variable of its own anew for each child. */
  readonly env?: Environment;
}
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Starts a child in a session of its own: otherwise Ctrl-C on the terminal would end it before pgctl can decide
 * anything. An operation may start thousands, so this is Node's own way: what execa does around every child (copies
 * of the environment, a watch over each stream) is as much work again as all that pgctl does about it.
 */
export function startChild(
  file: string,
  args: readonly string[],
  { stdio, env = process.env }: Start,
): Spawned {
  let child: ChildProcess;
  try {
    child = spawn(file, args, { stdio, env, detached: true });
  } catch (thrown) {
    return { child: null, exit: Promise.resolve({ code: codeOf(thrown) }) };
  }
  const exit = new Promise<Exit>((resolve) => {
    // A child that began tells by its exit; what else goes wrong with it (a signal that cannot be sent) does not end it.
    child.on('error', (error) => {
      if (child.pid === undefined) resolve({ code: codeOf(error) });
    });
    child.once('close', (exitCode, signal) => {
      resolve(signal === null ? { exitCode: exitCode ?? 1 } : { signal });
    });
  });
  return { child: child.pid === undefined ? null : child, exit };
}

/** Runs a child that has nothing to read or to say, and ends it when its time is over or the signal fires. */
export async function runChildToEnd(
  file: string,
  args: readonly string[],
  { limitMs, signal, env }: { readonly limitMs: number; readonly signal?: AbortSignal } & Pick<Start, 'env'>,
): Promise<Exit> {
  if (signal?.aborted === true) return { signal: 'SIGTERM' };
  const { child, exit } = startChild(file, args, { stdio: 'ignore', ...(env === undefined ? {} : { env }) });
  const timers = new Set<NodeJS.Timeout>();
  const end = (): void => {
    endGroup(child, 'SIGTERM');
    timers.add(setTimeout(() => endGroup(child, 'SIGKILL'), END_GRACE_MS));
  };
  timers.add(setTimeout(end, limitMs));
  signal?.addEventListener('abort', end, { once: true });
  const ended = await exit;
  for (const timer of timers) clearTimeout(timer);
  signal?.removeEventListener('abort', end);
  return ended;
}

/** The whole group: a helper of ssh (ProxyCommand) that outlived it would hold its output open for ever. */
export function endGroup(child: ChildProcess | null, signal: NodeJS.Signals): void {
  try {
    if (child?.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // It ended by itself meanwhile.
  }
}

export const howItEnded = ({ signal, exitCode }: Exit): string =>
  signal === undefined ? `exit status ${exitCode ?? 'unknown'}` : `signal ${signal}`;

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
