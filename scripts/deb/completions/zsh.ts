import { type CommandNode, type CommandOption, type Completes, eachCommand } from '../command-tree.ts'
import { flagsOf, HELP } from './flags.ts'

/** Completion for zsh, one function a command: https://zsh.sourceforge.io/Doc/Release/Completion-System.html */
export function zshCompletion(program: CommandNode): string {
  const functions = Array.from(eachCommand(program), node =>
    node.commands.length > 0 ? groupFunction(node, program) : commandFunction(node, program),
  )
  return `#compdef skep
# Completion of skep for zsh. Generated from its commands.

${functions.join('\n\n')}

_skep "$@"
`
}

function groupFunction(node: CommandNode, program: CommandNode): string {
  const commands = node.commands.map(({ path, summary }) => quote(`${path.at(-1)}:${summary}`))
  const names = node.commands.map(({ path }) => path.at(-1)).join(' | ')
  return `${functionName(node.path)}() {
  local curcontext=$curcontext state line
  local -a commands=(
    ${commands.join('\n    ')}
  )
  _arguments -C \\
    ${[...specs(node, program), "'1: :->command'", "'*:: :->rest'"].join(' \\\n    ')}
  case $state in
    command) _describe -t commands command commands ;;
    rest) case $words[1] in ${names}) ${functionName(node.path)}_$words[1] ;; esac ;;
  esac
}`
}

function commandFunction(node: CommandNode, program: CommandNode): string {
  const values = node.arguments.map(({ term, isRepeated, completes }, index) =>
    quote(`${isRepeated ? '*' : index + 1}:${plain(term)}:${ACTIONS[completes]}`),
  )
  return `${functionName(node.path)}() {
  _arguments \\
    ${[...specs(node, program), ...values].join(' \\\n    ')}
}`
}

function specs(node: CommandNode, program: CommandNode): string[] {
  const options = new Set([...node.options, ...program.options, HELP])
  return [...options].map(optionSpec)
}

function optionSpec(option: CommandOption): string {
  const { value, completes } = option
  const flags = flagsOf(option)
  const rest = `[${plain(option.summary)}]${value === undefined ? '' : `:${plain(value)}:${ACTIONS[completes]}`}`
  if (flags.length === 1) return quote(`${flags[0]}${rest}`)
  return `${quote(`(${flags.join(' ')})`)}{${flags.join(',')}}${quote(rest)}`
}

const ACTIONS: Readonly<Record<Completes, string>> = {
  files: '_files',
  directories: '_directories',
  nothing: ' ',
}

function functionName(path: readonly string[]): string {
  return `_${path.join('_')}`
}

/** Without what has a meaning in a specification. */
function plain(text: string): string {
  return text.replaceAll(/[[\]<>]/g, '').replaceAll(':', '\\:')
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
