import { COMPLETE } from './names.ts';
import type { Completed } from './kinds.ts';
import { askProgram, type Launcher, quoted, tables } from './words.ts';

/** Words with what they mean, as _describe takes them. */
function described(all: readonly Completed[]): string {
  const entries = all.flatMap(({ path, children }) =>
    children.length === 0
      ? []
      : [
          `    ${quoted(path)}) reply=(${children
            .map(({ word, summary }) => quoted(`${word}:${summary.replaceAll(':', '\\:')}`))
            .join(' ')}) ;;`,
        ],
  );
  return `__pgctl_described() {
  case "$1" in
${entries.join('\n')}
  esac
}`;
}

/** For zsh 5. */
export function zshScript(all: readonly Completed[], launcher: Launcher): string {
  return `#compdef pgctl
# zsh completion for pgctl. To have it in every shell, in a directory of $fpath:
#   pgctl completion zsh > ~/.zfunc/_pgctl
# or, in ~/.zshrc, after compinit:  source <(pgctl completion zsh)
${tables(all)}
${described(all)}
${askProgram(launcher)}
__pgctl_complete() {
  local kind=$1 cur=$2
  local -a found
  case "$kind" in
    '='*) found=(\${=kind#=}) ;;
    '@'*) found=("\${(@f)$(__pgctl_ask ${COMPLETE} "\${kind#@}" "$cur" "\${(@)words[2,CURRENT]}")}") ;;
    file) _files; return ;;
    directory) _files -/; return ;;
  esac
  found=(\${found:#})
  (( $#found )) && compadd -a found
}
_pgctl() {
  local cur=\${words[CURRENT]} path_= kind= value= n=0 i word REPLY=
  local -a reply
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    if [[ -n $value ]]; then value=; continue; fi
    if [[ $word == '--' ]]; then return; fi
    if [[ $word == -*=* ]]; then continue; fi
    if [[ $word == -* ]]; then
      if __pgctl_value "$path_" "$word"; then value=yes kind=$REPLY; fi
    elif __pgctl_children "$path_" && [[ " $REPLY " == *" $word "* ]]; then
      path_="\${path_:+$path_ }$word"
    else
      n=$((n + 1))
    fi
  done
  if [[ -n $value ]]; then
    __pgctl_complete "$kind" "$cur"
  elif [[ $cur == --*=* ]]; then
    if __pgctl_value "$path_" "\${cur%%=*}"; then
      kind=$REPLY
      cur=\${cur#*=}
      compset -P '*='
      __pgctl_complete "$kind" "$cur"
    fi
  elif [[ $cur == -* ]]; then
    __pgctl_options "$path_"
    __pgctl_complete "=$REPLY" "$cur"
  elif __pgctl_children "$path_"; then
    __pgctl_described "$path_"
    _describe -t commands 'command' reply
  elif __pgctl_argument "$path_" "$n"; then
    __pgctl_complete "$REPLY" "$cur"
  fi
}
if [[ \${funcstack[1]} == _pgctl ]]; then
  _pgctl "$@"
else
  compdef _pgctl pgctl
fi
`;
}
