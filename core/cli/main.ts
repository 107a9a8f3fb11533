#!/usr/bin/env node
import { Command, CommanderError, Option } from 'commander'
import { catalogue } from '../../plugins/catalogue.ts'
import { isSkepError, messageOf, type SkepError } from '../errors.ts'
import { type CommandModule, defaultDataDirectory, examples, type Parts } from './context.ts'
import { cliError } from './errors.ts'

/** Stable: scripts branch on them. */
const EXIT = { ok: 0, failed: 1, usage: 2, notRunning: 3 } as const

interface CommandEntry {
  readonly summary: string
  readonly load: () => Promise<CommandModule>
}

/** Only the command that runs is loaded. */
const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  init: { summary: 'make the data directory, identity and config', load: () => import('./commands/init.ts') },
  start: { summary: 'run a node until it is stopped', load: () => import('./commands/start.ts') },
  stop: { summary: 'stop the node and wait until it is gone', load: () => import('./commands/stop.ts') },
  status: { summary: 'tell how the node is', load: () => import('./commands/status.ts') },
  add: { summary: 'add files, directories or stdin', load: () => import('./commands/add.ts') },
  get: { summary: 'write a file or a tree to disk', load: () => import('./commands/get.ts') },
  cat: { summary: "write a file's bytes to stdout", load: () => import('./commands/cat.ts') },
  ls: { summary: 'list a directory', load: () => import('./commands/ls.ts') },
  pin: { summary: 'say what the node keeps: add, rm, ls', load: () => import('./commands/pin.ts') },
  peers: { summary: 'list the peers the node has met', load: () => import('./commands/peers.ts') },
  connect: { summary: 'connect to a peer', load: () => import('./commands/connect.ts') },
  plugins: { summary: 'list the plugins and how they are', load: () => import('./commands/plugins.ts') },
  config: {
    summary: 'show, check and document the configuration',
    load: () => import('./commands/config.ts'),
  },
  storage: { summary: 'repair the store of a stopped node', load: () => import('./commands/storage.ts') },
  version: { summary: 'tell the version', load: () => import('./commands/version.ts') },
}

function createProgram(parts: Parts): Command {
  const program = new Command('skep')
    .description('A peer-to-peer content node.')
    .usage('COMMAND [options]')
    .addOption(
      new Option('--data <dir>', 'where everything of the node lives')
        .env('SKEP_DATA')
        .default(defaultDataDirectory(process.env)),
    )
    .addOption(
      new Option('--socket <path>', 'control socket (default: skep.sock in --data)').env('SKEP_SOCKET'),
    )
    .option('--json', 'print results and errors as JSON, one object a line')
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    // Errors are printed in one place, below.
    .configureOutput({ outputError() {} })
    .addHelpText(
      'after',
      [
        examples(
          'skep start                    # in one shell',
          'skep add photo.jpg            # in another: prints the CID',
          'skep get CID -o photo.jpg     # on another node',
        ),
        '',
        'skep COMMAND --help tells more. Exit codes: 0 ok, 1 failed, 2 usage, 3 node not running.',
      ].join('\n'),
    )
  for (const [name, { summary }] of Object.entries(COMMANDS)) program.command(name).description(summary)
  program.hook('preSubcommand', async (_program, command) => {
    const module = await COMMANDS[command.name()]?.load()
    module?.define(command, parts)
  })
  return program
}

/** Runs a command line to its end and resolves with the exit code. */
async function run(argv: readonly string[]): Promise<number> {
  const args = argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv
  try {
    await createProgram({ catalogue }).parseAsync(args, { from: 'user' })
    return EXIT.ok
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok
    const known = toSkepError(error)
    if (known) printError(known, argv.includes('--json'))
    if (process.env.SKEP_DEBUG) console.error(error)
    if (known?.code === 'NODE_NOT_RUNNING') return EXIT.notRunning
    return known === undefined || known.code === 'USAGE' ? EXIT.usage : EXIT.failed
  }
}

/** Nothing where help was printed instead. */
function toSkepError(error: unknown): SkepError | undefined {
  if (!(error instanceof CommanderError)) {
    return isSkepError(error) ? error : cliError('UNEXPECTED', messageOf(error), { cause: error })
  }
  if (error.code === 'commander.help') return undefined
  return cliError('USAGE', error.message.replace(/^error: /, ''))
}

function printError({ code, message, fix }: SkepError, json: boolean): void {
  const text = json ? JSON.stringify({ error: { code, message, fix } }) : `error: ${message}\nfix: ${fix}`
  process.stderr.write(`${text}\n`)
}

/** A reader that has seen enough (`skep cat CID | head`) is no failure. */
process.stdout.on('error', error =>
  process.exit((error as NodeJS.ErrnoException).code === 'EPIPE' ? EXIT.ok : EXIT.failed),
)

const code = await run(process.argv.slice(2))
// Not by itself: a terminal that is being read, or what a plugin left open, would keep the process alive.
process.stdout.write('', () => process.exit(code))
