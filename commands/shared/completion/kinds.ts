import { INSTANCE_STATES } from '../../../src/records/states.ts';
import { COLOR_MODES, OUTPUT_FORMATS } from '../globals.ts';
import { TOPIC_NAMES } from '../help/topics.ts';
import type { CommandNode, OptionNode } from '../command-tree.ts';

/** The shells that a script can be had for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What only etcd, or the file of contexts, knows. */
export const LIVE = ['database', 'instance', 'host', 'hosts', 'task', 'context'] as const;
export type Live = (typeof LIVE)[number];

/** What can stand in a place of a command line. */
export type Kind =
  | { readonly kind: 'live'; readonly of: Live }
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'file' }
  | { readonly kind: 'directory' }
  /** Nothing that could be known. */
  | { readonly kind: 'free' };

const words = (list: readonly string[]): Kind => ({ kind: 'words', words: list });

/** By what a value or an argument is called where it is declared. */
const KINDS: Readonly<Record<string, Kind>> = {
  database: { kind: 'live', of: 'database' },
  instance: { kind: 'live', of: 'instance' },
  host: { kind: 'live', of: 'host' },
  ids: { kind: 'live', of: 'hosts' },
  task: { kind: 'live', of: 'task' },
  context: { kind: 'live', of: 'context' },
  file: { kind: 'file' },
  dir: { kind: 'directory' },
  format: words(OUTPUT_FORMATS),
  when: words(COLOR_MODES),
  state: words(Object.keys(INSTANCE_STATES)),
  shell: words(SHELLS),
};

const kindOf = (name: string): Kind => KINDS[name] ?? { kind: 'free' };

/** One command, ready for a script. */
export interface Completed {
  /** Its words with a space between; empty for the program itself. */
  readonly path: string;
  readonly summary: string;
  readonly children: readonly { readonly word: string; readonly summary: string }[];
  readonly arguments: readonly { readonly kind: Kind; readonly variadic: boolean }[];
  readonly options: readonly (OptionNode & { readonly kind: Kind | null })[];
}

/** The program and all its commands, one after another. */
export function completed(root: CommandNode): readonly Completed[] {
  // What help explains is commands as well.
  const topics = words([...TOPIC_NAMES, ...root.children.map((child) => child.words.join(' '))]);
  const kind = (name: string): Kind => (name === 'topic' ? topics : kindOf(name));
  const all = (node: CommandNode): readonly Completed[] => [
    {
      path: node.words.join(' '),
      summary: node.summary,
      children: node.children.map(({ words: path, summary }) => ({ word: path.at(-1) ?? '', summary })),
      arguments: node.arguments.map(({ name, variadic }) => ({ kind: kind(name), variadic })),
      options: node.options.map((option) => ({
        ...option,
        kind: option.value === null ? null : kind(option.value),
      })),
    },
    ...node.children.flatMap(all),
  ];
  return all(root);
}
