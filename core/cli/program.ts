import { Command, Option } from 'commander'
import { type CommandModule, defaultDataDirectory, examples, type Parts } from './context.ts'
import { notEmpty } from './options.ts'
import { VERSION } from './version.ts'

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
  verify: {
    summary: 'verify what is held, and tell what is damaged',
    load: () => import('./commands/verify.ts'),
  },
  peers: {
    summary: 'list and manage peers: ls, show, connect, tag, block, …',
    load: () => import('./commands/peers.ts'),
  },
  fleet: {
    summary: 'the boards that belong together: create, invite, join, members, …',
    load: () => import('./commands/fleet.ts'),
  },
  token: {
    summary: 'let programs use the control API by TCP: create, ls, revoke',
    load: () => import('./commands/token.ts'),
  },
  providers: { summary: 'list who has a block', load: () => import('./commands/providers.ts') },
  connect: {
    summary: 'connect to a peer: the same as peers connect',
    load: () => import('./commands/connect.ts'),
  },
  events: { summary: 'follow what happens in the node', load: () => import('./commands/events.ts') },
  plugins: { summary: 'list the plugins and how they are', load: () => import('./commands/plugins.ts') },
  config: {
    summary: 'show, check and document the configuration',
    load: () => import('./commands/config.ts'),
  },
  storage: {
    summary: 'look into the store, check and repair it',
    load: () => import('./commands/storage.ts'),
  },
  version: { summary: 'tell the version', load: () => import('./commands/version.ts') },
}

/** The whole of `skep`: every command by name and summary; the one that runs is filled in when it is chosen. */
export function createProgram(parts: Parts): Command {
  const program = new Command('skep')
    .description('A peer-to-peer content node.')
    .usage('COMMAND [options]')
    .addOption(
      new Option('--data <dir>', 'where everything of the node lives')
        .env('SKEP_DATA')
        .argParser(notEmpty)
        .default(defaultDataDirectory(process.env)),
    )
    .addOption(
      new Option(
        '--socket <path>',
        "control socket (default: skep.sock in --data; with neither given, the service's /run/skep/skep.sock is tried next)",
      )
        .env('SKEP_SOCKET')
        .argParser(notEmpty),
    )
    .addOption(
      new Option(
        '--node <peer>',
        'run the command on another board of the fleet, by its name or peer id; for the owner and operators',
      )
        .env('SKEP_NODE')
        .argParser(notEmpty),
    )
    .version(VERSION, '-V, --version', 'print the version')
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
        '`skep help COMMAND` tells more. Exit codes: 0 ok, 1 failed, 2 usage, 3 node not running.',
      ].join('\n'),
    )
  for (const [name, { summary }] of Object.entries(COMMANDS)) program.command(name).description(summary)
  program.hook('preSubcommand', async (_program, command) => {
    const module = await COMMANDS[command.name()]?.load()
    module?.define(command, parts)
  })
  return program
}

/** As {@link createProgram}, with every command filled in: what manual pages and completions are made from. */
export async function createWholeProgram(parts: Parts): Promise<Command> {
  const program = createProgram(parts)
  for (const command of program.commands) (await COMMANDS[command.name()]?.load())?.define(command, parts)
  return program
}
