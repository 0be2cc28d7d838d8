import type { Command, Option } from 'commander';

/** One command as it is typed, with all that can follow it. Help, man pages and completion come from this. */
export interface CommandNode {
  /** The words after the program's name; none for the program itself. */
  readonly words: readonly string[];
  readonly summary: string;
  readonly arguments: readonly ArgumentNode[];
  readonly options: readonly OptionNode[];
  /** Its help text, with examples. */
  readonly help: string;
  readonly children: readonly CommandNode[];
}

export interface ArgumentNode {
  readonly name: string;
  readonly summary: string;
  readonly required: boolean;
  readonly variadic: boolean;
}

export interface OptionNode {
  /** As it is typed, such as `-f` and `--file`. */
  readonly names: readonly string[];
  /** What its value is called, such as `file`; null for an option without one. */
  readonly value: string | null;
  readonly flags: string;
  readonly summary: string;
}

/** A command and all below it, from how they are declared. Those that are not loaded have their summary only. */
export function commandTree(command: Command, words: readonly string[] = []): CommandNode {
  return {
    words,
    summary: command.description(),
    arguments: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      summary: argument.description,
      required: argument.required,
      variadic: argument.variadic,
    })),
    options: command.options.map(optionNode),
    help: helpOf(command),
    children: command.commands.map((child) => commandTree(child, [...words, child.name()])),
  };
}

function optionNode(option: Option): OptionNode {
  return {
    names: [option.short, option.long].filter((name) => typeof name === 'string'),
    value: /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1] ?? null,
    flags: option.flags,
    summary: option.description,
  };
}

/** The help as it is printed, what commands add to it included; commander tells that only where it writes. */
function helpOf(command: Command): string {
  const root = rootOf(command);
  const before = root.configureOutput();
  let text = '';
  const writeOut = (part: string): void => {
    text += part;
  };
  command.configureOutput({ ...before, writeOut, getOutHelpWidth: () => 80, getOutHasColors: () => false });
  command.outputHelp();
  command.configureOutput(before);
  return text;
}

const rootOf = (command: Command): Command => (command.parent === null ? command : rootOf(command.parent));

/** Every command that does something, each after the ones before it. */
export function leavesOf(node: CommandNode): readonly CommandNode[] {
  return node.children.length === 0 ? [node] : node.children.flatMap(leavesOf);
}
