import type { OptionNode } from '../command-tree.ts';
import { COMPLETE } from './names.ts';
import type { Completed, Kind } from './kinds.ts';
import type { Launcher } from './words.ts';

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** What a place takes, as arguments of \`complete\`. */
function taking(kind: Kind): string {
  switch (kind.kind) {
    case 'words':
      return ` -f -a ${quoted(kind.words.join(' '))}`;
    case 'live':
      return ` -f -a ${quoted(`(__pgctl_names ${kind.of})`)}`;
    case 'file':
      return ' -F';
    case 'directory':
      return " -f -a '(__fish_complete_directories)'";
    case 'free':
      return ' -f';
  }
}

function option({ names, summary, kind }: OptionNode & { readonly kind: Kind | null }): string {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  return `${flags.join(' ')}${kind === null ? '' : ` -r${taking(kind)}`} -d ${quoted(summary)}`;
}

/** For fish 3. */
export function fishScript(all: readonly Completed[], [node, script]: Launcher): string {
  const [root, ...commands] = all;
  const valued = (of: Completed): string =>
    of.options.flatMap(({ names, kind }) => (kind === null ? [] : names)).join(' ');
  const groups = all.filter(({ children }) => children.length > 0);
  return `# fish completion for pgctl. To have it in every shell:
#   pgctl completion fish > ~/.config/fish/completions/pgctl.fish
function __pgctl_ask
    if type -q -f pgctl
        command pgctl $argv 2>/dev/null
    else
        ${quoted(node)} ${quoted(script)} $argv 2>/dev/null
    end
end
function __pgctl_names
    set -l words (commandline -opc)
    __pgctl_ask ${COMPLETE} $argv[1] (commandline -ct | string replace -r '^--?[a-z-]+=' '') $words[2..-1]
end
function __pgctl_valued
    switch "$argv[1]"
${commands
  .filter((of) => valued(of) !== '')
  .map((of) => `        case ${quoted(of.path)}\n            echo ${valued(of)}`)
  .join('\n')}
    end
    echo ${root === undefined ? '' : valued(root)}
end
function __pgctl_children
    switch "$argv[1]"
${groups.map((of) => `        case ${quoted(of.path)}\n            echo ${of.children.map(({ word }) => word).join(' ')}`).join('\n')}
    end
end
# The command that is typed, and how many arguments it has already.
function __pgctl_state
    set -l words (commandline -opc)
    set -l path ''
    set -l count 0
    set -l value no
    for word in $words[2..-1]
        if test $value = yes
            set value no
        else if string match -q -- '-*' $word
            if contains -- $word (__pgctl_valued $path | string split ' ')
                set value yes
            end
        else if contains -- $word (__pgctl_children $path | string split ' ')
            set path (string trim "$path $word")
        else
            set count (math $count + 1)
        end
    end
    echo $path
    echo $count
end
# Whether the command is this one, and so many arguments are there.
function __pgctl_at
    set -l state (__pgctl_state)
    test "$state[1]" = "$argv[1]"; and begin
        test (count $argv) -lt 2; or test "$state[2]" = "$argv[2]"
    end
end
complete -c pgctl -e
complete -c pgctl -f
complete -c pgctl -s h -l help -d 'show help'
${(root?.options ?? []).map((one) => `complete -c pgctl ${option(one)}`).join('\n')}
${groups
  .flatMap(({ path, children }) =>
    children.map(
      ({ word, summary }) =>
        `complete -c pgctl -n ${quoted(`__pgctl_at ${quoted(path)} 0`)} -a ${word} -d ${quoted(summary)}`,
    ),
  )
  .join('\n')}
${commands
  .flatMap(({ path, options, arguments: args }) => [
    ...options.map((one) => `complete -c pgctl -n ${quoted(`__pgctl_at ${quoted(path)}`)} ${option(one)}`),
    ...args.map(
      ({ kind, variadic }, index) =>
        `complete -c pgctl -n ${quoted(`__pgctl_at ${quoted(path)}${variadic ? '' : ` ${index}`}`)}${taking(kind)}`,
    ),
  ])
  .join('\n')}
`;
}
