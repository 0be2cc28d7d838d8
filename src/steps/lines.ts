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
