import { execa } from 'execa';

/** The tools of the lab are in the sbin directories, which a user's PATH need not have. */
const PATH = `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/local/sbin:/usr/sbin:/sbin`;

/** Environment of everything that the lab starts on this machine. */
export const ENVIRONMENT = { ...process.env, PATH, LC_ALL: 'C.UTF-8' };

/** Runs a program of this machine and returns its stdout; throws execa's error when it fails. */
export async function command(file: string, args: readonly string[], input?: string): Promise<string> {
  const stdin = input === undefined ? { stdin: 'ignore' as const } : { input };
  const result = await execa(file, args, { ...stdin, env: ENVIRONMENT, extendEnv: false });
  return result.stdout;
}

/** Milliseconds between two looks at something that is about to happen. */
const POLL_MS = 50;

/** Waits until `probe` returns something other than undefined, or throws with what `what` describes. */
export async function until<T>(
  what: string,
  timeoutMs: number,
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`lab: no ${what} within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
