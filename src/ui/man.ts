import type { Block, Page } from './page.ts';

/** What a man page says at its top and bottom. */
export interface ManHeader {
  readonly section: 1 | 7;
  /** Of the program. */
  readonly version: string;
}

/** A text as roff takes it: no character of it is a command, and what is typed is bold. */
export function roff(text: string): string {
  const plain = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('…', '...')
    .replaceAll('–', '\\(en')
    .replaceAll('’', '\\(cq')
    .replaceAll('→', '\\(->')
    .replace(/`([^`]*)`/g, '\\fB$1\\fR')
    .replaceAll('`', '\\(ga');
  return plain
    .split('\n')
    .map((line) => (line.startsWith('.') ? `\\&${line}` : line))
    .join('\n');
}

/** A page as man(7) has it. */
export function manPage({ name, summary, blocks }: Page, { section, version }: ManHeader): string {
  return `${[
    // No date: the same version gives the same page.
    `.TH "${roff(name.toUpperCase())}" "${section}" "" "pgctl ${version}" "pgctl"`,
    '.SH NAME',
    `${roff(name)} \\- ${roff(summary)}`,
    // A heading begins a paragraph of its own.
    ...blocks.map((block, at) => blockOf(block, blocks[at - 1]?.kind === 'heading' ? [] : ['.PP'])),
  ].join('\n')}\n`;
}

function blockOf(block: Block, before: readonly string[]): string {
  switch (block.kind) {
    case 'heading':
      return `.SH ${roff(block.text.toUpperCase())}`;
    case 'text':
      return [...before, roff(block.text)].join('\n');
    case 'code': {
      const lines = block.text
        .split('\n')
        .map((line) => (line === '' ? '.sp' : `\\fB${roff(line.replaceAll('`', "'"))}\\fR`));
      return [...before, '.nf', ...lines, '.fi'].join('\n');
    }
    case 'list':
      return listOf(block.items);
  }
}

function listOf(items: Extract<Block, { kind: 'list' }>['items']): string {
  const lines: string[] = [];
  let depth = 0;
  for (const { term, text, level = 0 } of items) {
    for (; depth < level; depth++) lines.push('.RS');
    for (; depth > level; depth--) lines.push('.RE');
    lines.push('.TP', `\\fB${roff(term)}\\fR`, roff(text));
  }
  for (; depth > 0; depth--) lines.push('.RE');
  return lines.join('\n');
}
