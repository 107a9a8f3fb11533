import type { Command, Option } from 'commander'
import { createWholeProgram } from '../../core/cli/program.ts'
import { catalogue } from '../../plugins/catalogue.ts'

/** A command as manual pages and completions tell it. */
export interface CommandNode {
  /** From the program on: `['skep', 'pin', 'add']`. */
  readonly path: readonly string[]
  readonly summary: string
  readonly arguments: readonly CommandArgument[]
  readonly options: readonly CommandOption[]
  readonly commands: readonly CommandNode[]
  /** What help says below the options: examples first. */
  readonly epilogue: string
}

export interface CommandArgument {
  /** As usage shows it: `<path>`, `[paths...]`. */
  readonly term: string
  readonly summary: string
  readonly isRepeated: boolean
  readonly completes: Completes
}

export interface CommandOption {
  /** As help shows it: `-o, --output <path>`. */
  readonly term: string
  readonly long: string
  /** With its dash. */
  readonly short: string | undefined
  readonly summary: string
  /** Name of the value, where it takes one. */
  readonly value: string | undefined
  readonly completes: Completes
  /** The variable that stands for it. */
  readonly env: string | undefined
}

/** What a shell can offer for a value. */
export type Completes = 'files' | 'directories' | 'nothing'

/** `path` is a CID with a path in it where it is an argument, and a path of this machine where it is an option's value. */
const ARGUMENTS: Readonly<Record<string, Completes>> = { paths: 'files', file: 'files' }
const VALUES: Readonly<Record<string, Completes>> = { path: 'files', file: 'files', dir: 'directories' }

/** The whole of `skep`, as the program itself defines it. */
export async function readCommandTree(): Promise<CommandNode> {
  return nodeOf(await createWholeProgram({ catalogue }), [])
}

/** `node` and everything beneath it, parents first. */
export function* eachCommand(node: CommandNode): Generator<CommandNode> {
  yield node
  for (const command of node.commands) yield* eachCommand(command)
}

function nodeOf(command: Command, parents: readonly string[]): CommandNode {
  const path = [...parents, command.name()]
  return {
    path,
    summary: command.description(),
    arguments: command.registeredArguments.map(argument => ({
      term: argument.required ? `<${nameOf(argument)}>` : `[${nameOf(argument)}]`,
      summary: argument.description,
      isRepeated: argument.variadic,
      completes: ARGUMENTS[argument.name()] ?? 'nothing',
    })),
    options: command.options.map(optionOf),
    commands: command.commands.map(child => nodeOf(child, path)),
    epilogue: epilogueOf(command),
  }
}

function nameOf(argument: { name(): string; readonly variadic: boolean }): string {
  return `${argument.name()}${argument.variadic ? '...' : ''}`
}

function optionOf({ flags, long, short, description, envVar }: Option): CommandOption {
  const [, value] = /[<[]([^>\]]+)[>\]]/.exec(flags) ?? []
  return {
    term: flags,
    long: long ?? flags,
    short,
    summary: description,
    value,
    completes: (value === undefined ? undefined : VALUES[value]) ?? 'nothing',
    env: envVar,
  }
}

/** Commander tells what `addHelpText` was given only at the end of the whole help. */
function epilogueOf(command: Command): string {
  let help = ''
  command.configureOutput({
    writeOut(text) {
      help += text
    },
  })
  command.outputHelp()
  return help.slice(command.helpInformation().length).trim()
}
