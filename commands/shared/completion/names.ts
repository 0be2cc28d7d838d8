import type { Io } from '../app.ts';
import type { Live } from './kinds.ts';

/** The hidden command that a shell's script asks for names with. */
export const COMPLETE = '__complete';

/** From the start of the process; who types does not wait longer, and gets nothing rather than something late. */
const LIMIT_MS = 300;
/** What it takes to print and to end. */
const MARGIN_MS = 20;

/**
 * Prints what can stand where the cursor is: `__complete <kind> <word so far> <words of the command line>…`. One name
 * a line; nothing where there is none, where it takes too long, or where anything is wrong. Ends with 0 always:
 * a shell has no place for an error.
 */
export async function completeNames(argv: readonly string[], io: Io): Promise<0> {
  const [kind = '', word = '', ...words] = argv;
  const startedMs = io.startedMs ?? performance.now();
  const left = (): number => LIMIT_MS - MARGIN_MS - (performance.now() - startedMs);
  if (left() <= 0) return 0;
  try {
    const { namesFor } = await import('./live-names.ts');
    const names = await namesFor({ kind: kind as Live, word, words, env: io.env, limitMs: left() });
    // A name that a shell would take for more than a name is none of pgctl's.
    const shown = names.filter((name) => /^[A-Za-z0-9][A-Za-z0-9._,-]*$/.test(name));
    if (left() > 0 && shown.length > 0) io.stdout.write(`${shown.join('\n')}\n`);
  } catch {
    // No etcd, no right to read, no such kind: there is nothing to complete.
  }
  return 0;
}
