import { COMPLETE } from './names.ts';
import type { Completed } from './kinds.ts';
import { askProgram, type Launcher, tables } from './words.ts';

/** For bash 3.2 and newer, with bash-completion or without it. */
export function bashScript(all: readonly Completed[], launcher: Launcher): string {
  return `# bash completion for pgctl. To have it in every shell:
#   pgctl completion bash > ~/.local/share/bash-completion/completions/pgctl
# or, in ~/.bashrc:  source <(pgctl completion bash)
${tables(all)}
${askProgram(launcher)}
__pgctl_reply() {
  local line
  while IFS= read -r line; do COMPREPLY+=("$line"); done
}
__pgctl_complete() {
  local kind=$1 cur=$2
  case "$kind" in
    =*) __pgctl_reply < <(compgen -W "\${kind#=}" -- "$cur") ;;
    @*) __pgctl_reply < <(__pgctl_ask ${COMPLETE} "\${kind#@}" "$cur" "\${COMP_WORDS[@]:1:COMP_CWORD}") ;;
    file) compopt -o filenames 2>/dev/null; __pgctl_reply < <(compgen -f -- "$cur") ;;
    directory) compopt -o filenames 2>/dev/null; __pgctl_reply < <(compgen -d -- "$cur") ;;
  esac
}
_pgctl() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path= kind= value= n=0 i word REPLY=
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    # bash cuts --option=value at the =.
    if [[ $word == '=' ]]; then continue; fi
    if [[ -n $value ]]; then value=; continue; fi
    if [[ $word == '--' ]]; then return; fi
    if [[ $word == -* ]]; then
      if __pgctl_value "$path" "$word"; then value=yes kind=$REPLY; fi
    elif __pgctl_children "$path" && [[ " $REPLY " == *" $word "* ]]; then
      path="\${path:+$path }$word"
    else
      n=$((n + 1))
    fi
  done
  if [[ $cur == '=' ]]; then cur=; fi
  if [[ -n $value ]]; then
    __pgctl_complete "$kind" "$cur"
  elif [[ $cur == -* ]]; then
    __pgctl_options "$path"
    __pgctl_complete "=$REPLY" "$cur"
  elif __pgctl_children "$path"; then
    __pgctl_complete "=$REPLY" "$cur"
  elif __pgctl_argument "$path" "$n"; then
    __pgctl_complete "$REPLY" "$cur"
  fi
}
complete -F _pgctl pgctl
`;
}
