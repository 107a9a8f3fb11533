import { type CommandNode, eachCommand } from '../command-tree.ts'
import { commandPaths, flagsOf, flagsWithValue, HELP } from './flags.ts'

/** Completion for bash. It needs nothing of the bash-completion package but to be put where that one looks. */
export function bashCompletion(program: CommandNode): string {
  const files = flagsWithValue(program, 'files').join(' | ')
  const directories = flagsWithValue(program, 'directories').join(' | ')
  const others = flagsWithValue(program, 'nothing').join(' | ')
  const paths = commandPaths(program).map(path => `'${path}'`)
  const commands = Array.from(eachCommand(program), node => commandCase(node, program))
  return `# Completion of skep for bash. Generated from its commands.

_skep() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} path=skep commands='' options='' values='' at
  for ((at = 1; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in
      ${files} | ${directories} | ${others})
        ((at++))
        continue
        ;;
    esac
    case "$path \${COMP_WORDS[at]}" in
      ${paths.join(' | ')}) path="$path \${COMP_WORDS[at]}" ;;
    esac
  done

  COMPREPLY=()
  case $before in
    ${files}) _skep_names -f ;;
    ${directories}) _skep_names -d ;;
    ${others}) ;;
    *)
      case $path in
${commands.join('\n')}
      esac
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
      elif [[ $values == files ]]; then
        _skep_names -f
      else
        mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
      fi
      ;;
  esac
}

_skep_names() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "$word")
}

complete -F _skep skep
`
}

function commandCase(node: CommandNode, program: CommandNode): string {
  const flags = new Set([...node.options, ...program.options, HELP].flatMap(flagsOf))
  const names = node.commands.map(({ path }) => path.at(-1))
  const values = node.arguments.some(({ completes }) => completes === 'files') ? ' values=files' : ''
  return `        '${node.path.join(' ')}') commands='${names.join(' ')}' options='${[...flags].join(' ')}'${values} ;;`
}
