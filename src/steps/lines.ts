import type { StepOutput } from './step.ts';

/** Reads what rendered steps print while they run; see `readOutputs` for afterwards. */
export interface LineReader {
  /** The next piece of stdout, cut anywhere. */
  readonly push: (chunk: string) => void;
  /** Of the steps that ran to their end so far, without what they printed: that was given away. */
  readonly outputs: () => readonly StepOutput[];
}

/**
 * Gives every line away as soon as it is whole. An empty one waits for the next, since the frame behind a
 * step's output begins with an end of line of its own.
 */
export function lineReader(nonce: string, onLine: (line: string) => void): LineReader {
  const outputs: StepOutput[] = [];
  let rest = '';
  let inside = false;
  let empty = false;

  const take = (line: string): void => {
    if (!inside) {
      inside = line === `${nonce} begin ${outputs.length}`;
      return;
    }
    if (line.startsWith(`${nonce} says `)) {
      empty = false;
      return;
    }
    if (line.startsWith(`${nonce} `)) {
      // Where it is no end of the step, the step was ended from outside, and this is the worker saying so.
      const end = `${nonce} end ${outputs.length} `;
      if (line.startsWith(end)) outputs.push({ exitCode: Number(line.slice(end.length)), stdout: '' });
      inside = false;
      empty = false;
      return;
    }
    if (empty) onLine('');
    empty = line === '';
    if (!empty) onLine(line);
  };

  return {
    push(chunk) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(take);
    },
    outputs: () => outputs,
  };
}

/** What a step says it is waiting for. */
export interface Said {
  /** Such as `copying the data from the primary, 1234 of 5678 bytes`. */
  readonly text: string;
  /** In bytes, as far as the text says so; null where it does not. */
  readonly progress: { readonly done?: number; readonly total?: number; readonly left?: number } | null;
}

/** Characters of a line that is not whole yet; what is said is shorter. */
const LONGEST = 4096;

/** Gives away what steps say while they run, from their stdout in pieces cut anywhere. */
export function saidReader(nonce: string, onSaid: (said: Said) => void): (chunk: string) => void {
  const begin = `${nonce} says `;
  let rest = '';
  return (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = (lines.pop() ?? '').slice(0, LONGEST);
    for (const line of lines) if (line.startsWith(begin)) onSaid(readSaid(line.slice(begin.length)));
  };
}

function readSaid(text: string): Said {
  const [, done, total] = /(\d+) of (\d+) bytes/.exec(text) ?? [];
  if (done !== undefined) return { text, progress: { done: Number(done), total: Number(total) } };
  const [, bytes, toGo] = /(\d+) bytes( to go)?/.exec(text) ?? [];
  if (bytes === undefined) return { text, progress: null };
  return { text, progress: toGo === undefined ? { done: Number(bytes) } : { left: Number(bytes) } };
}
