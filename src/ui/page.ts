import type { Theme } from './theme.ts';
import { displayWidth } from './width.ts';

/** A piece of a page of help. Words between backquotes are what is typed. */
export type Block =
  | { readonly kind: 'heading'; readonly text: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly ListItem[] }
  | { readonly kind: 'code'; readonly text: string };

export interface ListItem {
  readonly term: string;
  readonly text: string;
  /** How deep it is among the others. */
  readonly level?: number;
}

/** A page of help: on the terminal, and as a man page. */
export interface Page {
  readonly name: string;
  readonly summary: string;
  readonly blocks: readonly Block[];
}

const MOST = 100;
const DEFAULT = 80;
const INDENT = 2;
/** A longer term has its text on the next line. */
const TERM = 22;

/** A page as text, wrapped to the terminal. */
export function showPage({ blocks }: Page, theme: Theme): string {
  const width = Math.min(theme.width ?? DEFAULT, MOST);
  return blocks.map((block) => showBlock(block, width, theme)).join('\n\n');
}

function showBlock(block: Block, width: number, theme: Theme): string {
  switch (block.kind) {
    case 'heading':
      return theme.strong(block.text);
    case 'text':
      return wrap(block.text, width).join('\n');
    case 'code':
      return block.text.replace(/^(?=.)/gm, ' '.repeat(INDENT));
    case 'list': {
      const longest = Math.max(...block.items.map(({ term, level = 0 }) => term.length + level * INDENT));
      const column = INDENT + Math.min(longest, TERM) + 2;
      return block.items.map((item) => showItem(item, { column, width, theme })).join('\n');
    }
  }
}

function showItem(
  { term, text, level = 0 }: ListItem,
  { column, width, theme }: { readonly column: number; readonly width: number; readonly theme: Theme },
): string {
  const lead = ' '.repeat(INDENT + level * INDENT);
  const lines = wrap(text, Math.max(20, width - column)).map((line) => ' '.repeat(column) + line);
  const room = column - lead.length - displayWidth(term);
  const [first = '', ...rest] = lines;
  const shown = `${lead}${theme.accent(term)}`;
  return room < 2
    ? [shown, ...lines].join('\n')
    : [`${shown}${' '.repeat(room)}${first.trimStart()}`, ...rest].join('\n');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [''];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1) ?? '';
    if (line === '') lines[lines.length - 1] = word;
    else if (displayWidth(line) + 1 + displayWidth(word) <= width)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
