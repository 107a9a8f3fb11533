import { type CommandNode, type CommandOption, type Completes, eachCommand } from '../command-tree.ts'

/** Commander adds it to every command without listing it. */
export const HELP: CommandOption = {
  term: '-h, --help',
  long: '--help',
  short: '-h',
  summary: 'tell how it is used',
  value: undefined,
  completes: 'nothing',
  env: undefined,
}

/** What one writes on a command line to give an option: `--output`, `-o`. */
export function flagsOf({ long, short }: CommandOption): string[] {
  return short === undefined ? [long] : [short, long]
}

/** Flags of all commands whose value a shell completes as `completes` says. */
export function flagsWithValue(program: CommandNode, completes: Completes): string[] {
  return [...valueFlags(program)].filter(([, one]) => one === completes).map(([flag]) => flag)
}

/** Every command but the program itself, by its path. */
export function commandPaths(program: CommandNode): string[] {
  return Array.from(eachCommand(program), ({ path }) => path.join(' ')).slice(1)
}

/** The generated scripts know a flag by its name, hence it may not take a value here and none there. */
function valueFlags(program: CommandNode): Map<string, Completes | undefined> {
  const flags = new Map<string, Completes | undefined>()
  for (const { options, path } of eachCommand(program)) {
    for (const option of options) {
      const completes = option.value === undefined ? undefined : option.completes
      for (const flag of flagsOf(option)) {
        if (flags.has(flag) && flags.get(flag) !== completes) {
          throw new Error(`${flag} of "${path.join(' ')}" and that of another command take different values`)
        }
        flags.set(flag, completes)
      }
    }
  }
  return flags
}
