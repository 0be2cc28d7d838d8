import type { Completed, Kind } from './kinds.ts';

/** How to call pgctl where the shell's `pgctl` is an alias, which a function cannot call: program and script. */
export type Launcher = readonly [node: string, script: string];

/** A text between single quotes, for bash and zsh. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** What a script says of a kind: `=` and words, a name of what is live, `file`, `directory`, or nothing. */
export function kindWord(kind: Kind): string {
  switch (kind.kind) {
    case 'words':
      return `=${kind.words.join(' ')}`;
    case 'live':
      return `@${kind.of}`;
    case 'file':
    case 'directory':
      return kind.kind;
    case 'free':
      return '';
  }
}

/** Lines of `case`, in bash and zsh, each giving REPLY for one pattern. */
export function replies(entries: readonly (readonly [pattern: string, reply: string])[]): string {
  return entries.map(([pattern, reply]) => `    ${pattern}) REPLY=${quoted(reply)} ;;`).join('\n');
}

const names = (of: Completed): string => quoted(of.path);

/** The tables that the loops of bash and zsh look into. `REPLY` is the answer, and failure says that there is none. */
export function tables(all: readonly Completed[]): string {
  const [root] = all;
  const values = all.flatMap((command) =>
    command.options.flatMap(({ names: flags, kind }) =>
      kind === null
        ? []
        : flags.map((flag): [string, string] => [
            command === root ? `*' ${flag}'` : quoted(`${command.path} ${flag}`),
            kindWord(kind),
          ]),
    ),
  );
  const args = all.flatMap((command) =>
    command.arguments.map(({ kind, variadic }, index): [string, string] => [
      variadic ? `${quoted(`${command.path} `)}*` : quoted(`${command.path} ${index}`),
      kindWord(kind),
    ]),
  );
  const rootOptions = root?.options.flatMap(({ names: flags }) => flags) ?? [];
  return `# What follows an option of a command: "command option".
__pgctl_value() {
  case "$1 $2" in
${replies([...values.filter(([pattern]) => !pattern.startsWith('*')), ...values.filter(([pattern]) => pattern.startsWith('*'))])}
    *) return 1 ;;
  esac
}
# The nth argument of a command: "command n".
__pgctl_argument() {
  case "$1 $2" in
${replies(args)}
    *) return 1 ;;
  esac
}
# What comes below a command.
__pgctl_children() {
  case "$1" in
${replies(all.flatMap((command) => (command.children.length === 0 ? [] : [[names(command), command.children.map(({ word }) => word).join(' ')] as const])))}
    *) return 1 ;;
  esac
}
# Options of a command, with those of all.
__pgctl_options() {
  case "$1" in
${replies(all.slice(1).map((command) => [names(command), [...command.options.flatMap(({ names: flags }) => flags), '--help'].join(' ')] as const))}
    *) REPLY= ;;
  esac
  REPLY="$REPLY ${rootOptions.join(' ')}"
}`;
}

/** Asks the program, also where the shell's word for it is an alias. */
export function askProgram([node, script]: Launcher): string {
  return `__pgctl_ask() {
  if [ -n "$(command -v pgctl)" ] && [ -x "$(command -v pgctl)" ]; then
    command pgctl "$@" 2>/dev/null
  else
    ${quoted(node)} ${quoted(script)} "$@" 2>/dev/null
  fi
}`;
}
