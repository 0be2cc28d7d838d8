import { DOCUMENT_KINDS } from '../../../src/ui/document-kinds.ts';
import type { Block } from '../../../src/ui/page.ts';

export function outputBlocks(): readonly Block[] {
  return [
    { kind: 'heading', text: 'Where things are printed' },
    {
      kind: 'text',
      text: 'The result goes to stdout and nothing else does; progress, questions, warnings and errors for people go to stderr. On a terminal there are colours, and tables fit it; off a terminal there is one plain line per change of state, without control characters.',
    },
    { kind: 'heading', text: 'Documents' },
    {
      kind: 'text',
      text: '`-o json` and `-o yaml` (or PGCTL_OUTPUT) print exactly one document on stdout, on failure too. Everything that the text shows is in it. Fields are added over time, never renamed or removed. `spec schema` is JSON and `completion` a script in every format; `db psql` has no document, since its output is that of psql.',
    },
    {
      kind: 'code',
      text: 'pgctl db get shop -o json | jq -r \'.instances[] | select(.role == "primary") | .address\'',
    },
    { kind: 'list', items: Object.entries(DOCUMENT_KINDS).map(([term, text]) => ({ term, text })) },
    { kind: 'heading', text: 'Questions' },
    {
      kind: 'text',
      text: 'Nothing is asked without a terminal, or with `--no-input`: the command ends with 8 and names the flag that answers, `--yes` in most cases.',
    },
  ];
}
