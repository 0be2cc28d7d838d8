import { ERRORS, EXIT, EXIT_MEANINGS } from '../../../src/errors.ts';
import type { Block } from '../../../src/ui/page.ts';

const NAMES = Object.keys(EXIT) as readonly (keyof typeof EXIT)[];

/** From the tables that errors end in. */
export function exitCodesBlocks(): readonly Block[] {
  const errors = Object.entries(ERRORS);
  return [
    { kind: 'heading', text: 'Exit codes' },
    {
      kind: 'list',
      items: NAMES.map((name) => ({ term: String(EXIT[name]), text: EXIT_MEANINGS[name] })),
    },
    {
      kind: 'text',
      text: 'Asking twice is no error: stopping what is stopped ends with 0, and so does recovering from the loss of a host that was recovered. Deleting what is gone ends with 5. `doctor` ends with 1 where something is wrong, and with 0 where there are notes only. `db psql` ends with what psql ended with.',
    },
    { kind: 'heading', text: 'Error codes' },
    {
      kind: 'text',
      text: 'With `-o json` a failure is a document of the kind Error; its `code` says more than the exit code, and `retriable` whether the same command can succeed with nothing else changed (marked with *).',
    },
    {
      kind: 'list',
      items: NAMES.flatMap((name) => {
        const codes = errors
          .filter(([, { exit }]) => exit === EXIT[name])
          .map(([code, { retriable }]) => (retriable ? `${code}*` : code));
        return codes.length === 0 ? [] : [{ term: String(EXIT[name]), text: codes.join(', ') }];
      }),
    },
  ];
}
