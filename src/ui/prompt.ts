import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { PgctlError } from '../errors.ts';

export type InputStream = Readable & { readonly isTTY?: boolean };

export interface PromptOptions {
  readonly stdin: InputStream;
  /** False with `--no-input`. */
  readonly input: boolean;
  /** What answers the question in advance, such as `--yes`. */
  readonly flag: string;
  readonly show: (text: string) => void;
}

/**
 * Asks and reads one line. Throws `confirmation_needed` where there is nobody to ask, and `not_confirmed`
 * where the input ends instead of an answer.
 */
export async function ask(question: string, { stdin, input, flag, show }: PromptOptions): Promise<string> {
  if (!input || stdin.isTTY !== true) {
    throw new PgctlError('confirmation_needed', 'an answer is needed, and there is nobody to ask', {
      hint: `Pass ${flag} to answer in advance.`,
      details: question.trim().split('\n'),
    });
  }
  show(question);
  // The terminal edits the line, not readline: so Ctrl-C stays a signal.
  const lines = createInterface({ input: stdin, terminal: false });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve);
      lines.once('close', () => {
        reject(
          new PgctlError('not_confirmed', 'the input ended before an answer', {
            hint: 'Nothing was changed.',
          }),
        );
      });
    });
  } finally {
    lines.close();
  }
}
