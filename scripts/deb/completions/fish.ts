import { type CommandNode, type CommandOption, eachCommand } from '../command-tree.ts'
import { commandPaths, flagsWithValue, HELP } from './flags.ts'

/** Completion for fish: https://fishshell.com/docs/current/completions.html */
export function fishCompletion(program: CommandNode): string {
  const valued = (['files', 'directories', 'nothing'] as const).flatMap(one => flagsWithValue(program, one))
  return `# Completion of skep for fish. Generated from its commands.

# Whether the command line so far names exactly this command.
function __skep_at
    set -l path skep
    set -l skips 0
    for word in (commandline -opc)[2..]
        if test $skips = 1
            set skips 0
        else if contains -- $word ${valued.join(' ')}
            set skips 1
        else if contains -- "$path $word" ${commandPaths(program).map(quote).join(' ')}
            set path "$path $word"
        end
    end
    test "$path" = "$argv[1]"
end

complete -c skep -f
${[...program.options, HELP].map(option => `complete -c skep ${optionFlags(option)}`).join('\n')}
${Array.from(eachCommand(program)).flatMap(commandLines).join('\n')}
`
}

function commandLines(node: CommandNode): string[] {
  const at = `complete -c skep -n '__skep_at "${node.path.join(' ')}"'`
  return [
    ...node.commands.map(({ path, summary }) => `${at} -a ${path.at(-1)} -d ${quote(summary)}`),
    ...(node.path.length > 1 ? node.options : []).map(option => `${at} ${optionFlags(option)}`),
    ...(node.arguments.some(({ completes }) => completes === 'files') ? [`${at} -F`] : []),
  ]
}

function optionFlags({ long, short, summary, value, completes }: CommandOption): string {
  return [
    ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
    `-l ${long.slice(2)}`,
    ...(value === undefined ? [] : [VALUES[completes]]),
    `-d ${quote(summary)}`,
  ].join(' ')
}

const VALUES: Readonly<Record<CommandOption['completes'], string>> = {
  files: '-r -F',
  directories: "-x -a '(__fish_complete_directories)'",
  nothing: '-x',
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
