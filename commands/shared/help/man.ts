import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { PgctlError } from '../../../src/errors.ts';
import { manPage } from '../../../src/ui/man.ts';
import type { Block, Page } from '../../../src/ui/page.ts';
import { VERSION } from '../../../src/version.ts';
import { type CommandNode, commandTree, leavesOf, type OptionNode } from '../command-tree.ts';
import { TOPIC_NAMES, topicPage } from './topics.ts';

/** Every man page, by the path of its file below a directory of man pages. */
export async function manPages(program: Command): Promise<ReadonlyMap<string, string>> {
  const root = commandTree(program);
  const leaves = leavesOf(root);
  const commands = leaves.map((leaf) => ({ page: commandPage(leaf), section: 1 as const }));
  const topics = await Promise.all(
    TOPIC_NAMES.map(async (name) => {
      const page = await topicPage(name);
      return { page: { ...page, name: `pgctl-${name}` }, section: 7 as const };
    }),
  );
  const all = [{ page: programPage(root, leaves), section: 1 as const }, ...commands, ...topics];
  return new Map(
    all.map(({ page, section }) => [
      join(`man${section}`, `${page.name}.${section}`),
      manPage(page, { section, version: VERSION }),
    ]),
  );
}

/** Writes them, and says what to do with them. @throws PgctlError `usage` where they cannot be written */
export async function writeManPages(program: Command, dir: string): Promise<string> {
  const pages = await manPages(program);
  try {
    for (const [path, text] of pages) {
      await mkdir(join(dir, path, '..'), { recursive: true });
      await writeFile(join(dir, path), text);
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'error';
    throw new PgctlError('usage', `${dir} cannot be written to (${code})`, { cause });
  }
  return `${pages.size} pages are in ${dir}: \`man -M ${dir} pgctl\`.`;
}

const optionItems = (options: readonly OptionNode[]) => ({
  kind: 'list' as const,
  items: options.map(({ flags, summary }) => ({ term: flags, text: summary })),
});

function programPage(root: CommandNode, leaves: readonly CommandNode[]): Page {
  return {
    name: 'pgctl',
    summary: root.summary.replace(/\.$/, ''),
    blocks: [
      { kind: 'heading', text: 'Synopsis' },
      { kind: 'text', text: '`pgctl` [options] <command> …' },
      { kind: 'heading', text: 'Commands' },
      {
        kind: 'list',
        items: leaves.map(({ words, summary }) => ({ term: `pgctl ${words.join(' ')}`, text: summary })),
      },
      { kind: 'heading', text: 'Options' },
      optionItems(root.options),
      { kind: 'heading', text: 'See also' },
      { kind: 'text', text: TOPIC_NAMES.map((name) => `pgctl-${name}(7)`).join(', ') },
    ],
  };
}

function commandPage({ words, summary, arguments: args, options, help }: CommandNode): Page {
  const blocks: Block[] = [
    { kind: 'heading', text: 'Synopsis' },
    { kind: 'text', text: `\`${/^Usage: (.*)$/m.exec(help)?.[1] ?? ''}\`` },
    { kind: 'heading', text: 'Description' },
    { kind: 'text', text: sentence(summary) },
  ];
  if (args.length > 0)
    blocks.push(
      { kind: 'heading', text: 'Arguments' },
      { kind: 'list', items: args.map(({ name, summary: text }) => ({ term: name, text })) },
    );
  if (options.length > 0) blocks.push({ kind: 'heading', text: 'Options' }, optionItems(options));
  const examples = /\nExamples?:\n([\s\S]*)$/.exec(help)?.[1];
  if (examples !== undefined)
    blocks.push(
      { kind: 'heading', text: 'Examples' },
      { kind: 'code', text: examples.trimEnd().replace(/^ {2}/gm, '') },
    );
  blocks.push(
    { kind: 'heading', text: 'See also' },
    {
      kind: 'text',
      text: `pgctl(1) for the options of every command, ${TOPIC_NAMES.map((name) => `pgctl-${name}(7)`).join(', ')}`,
    },
  );
  return { name: ['pgctl', ...words].join('-'), summary, blocks };
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
