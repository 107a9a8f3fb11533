#!/usr/bin/env node
import { inspect } from 'node:util'
import { CommanderError } from 'commander'
import { catalogue } from '../../plugins/catalogue.ts'
import { isSkepError, messageOf, type SkepError } from '../errors.ts'
import { printableText } from '../printable.ts'
import { cliError } from './errors.ts'
import { endProcess } from './interrupt.ts'
import { createProgram } from './program.ts'
import { systemReason } from './system-reason.ts'
import { usageFix } from './usage-fix.ts'

/** Stable: scripts branch on them. */
const EXIT = { ok: 0, failed: 1, usage: 2, notRunning: 3 } as const

/** Runs a command line to its end and resolves with the exit code. */
async function run(argv: readonly string[]): Promise<number> {
  unsetEmptyVariables(process.env)
  const program = createProgram({ catalogue })
  const names = program.commands.map(command => command.name())
  try {
    await program.parseAsync(withHelpOption(argv, names), { from: 'user' })
    return EXIT.ok
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok
    const known = toSkepError(error)
    if (known)
      printError(
        known,
        fixOf(known, () => usageFix(program, argv)),
        argv.includes('--json'),
      )
    if (process.env.SKEP_DEBUG) process.stderr.write(`${printableText(inspect(error))}\n`)
    if (known?.code === 'NODE_NOT_RUNNING') return EXIT.notRunning
    return known === undefined || known.code === 'USAGE' ? EXIT.usage : EXIT.failed
  }
}

/** As for settings, an empty variable counts as unset. The parser would take it. */
function unsetEmptyVariables(env: NodeJS.ProcessEnv): void {
  for (const name of ['SKEP_DATA', 'SKEP_SOCKET', 'SKEP_NODE', 'SKEP_CONFIG'])
    if (env[name] === '') delete env[name]
}

/** `help pin add` is `pin add --help`. What is no command is left for the parser to tell. */
function withHelpOption(argv: readonly string[], commands: readonly string[]): readonly string[] {
  const at = argv.findIndex(argument => !argument.startsWith('-'))
  if (argv[at] !== 'help') return argv
  const args = argv.toSpliced(at, 1)
  const command = args[at]
  return command === undefined || commands.includes(command) ? [...args, '--help'] : args
}

/** Nothing where help was printed instead. */
function toSkepError(error: unknown): SkepError | undefined {
  if (!(error instanceof CommanderError)) {
    return isSkepError(error) ? error : cliError('UNEXPECTED', messageOf(error), { cause: error })
  }
  if (error.code === 'commander.help') return undefined
  return cliError('USAGE', error.message.replace(/^error: /, ''))
}

function fixOf({ code, fix }: SkepError, usage: () => string): string {
  return code === 'USAGE' ? usage() : fix
}

function printError({ code, message: text }: SkepError, fix: string, json: boolean): void {
  // Some errors of the system have no text.
  const message = text || code
  const line = json ? JSON.stringify({ error: { code, message, fix } }) : `error: ${message}\nfix: ${fix}`
  process.stderr.write(`${printableText(line)}\n`)
}

/** A reader that has seen enough (`skep cat CID | head`) is no failure. A full disk is one. */
function endUnwritten(error: Error): never {
  if ((error as NodeJS.ErrnoException).code === 'EPIPE') endProcess(EXIT.ok)
  fail(cliError('OUTPUT_FAILED', `can't write to stdout: ${systemReason(error)}`))
}

process.stdout.on('error', endUnwritten)

// Nothing is left to wait for, and nobody has said how it ended: that is not well.
process.once('beforeExit', () => fail(cliError('UNEXPECTED', 'the command came to no end')))

function fail(error: SkepError): never {
  printError(error, error.fix, process.argv.includes('--json'))
  endProcess(EXIT.failed)
}

// No top-level await: in the executable this file is CommonJS.
void run(process.argv.slice(2)).then(code => {
  // Not by itself: a terminal that is being read, or what a plugin left open, would keep the process alive.
  process.stdout.write('', () => {
    // Of what was written last it hasn't told yet.
    const { errored } = process.stdout
    if (errored) endUnwritten(errored)
    endProcess(code)
  })
})
