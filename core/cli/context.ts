import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import type { Catalogue } from '../config/load-plugin.ts'
import { messageOf } from '../errors.ts'
import { printableText } from '../printable.ts'
import { cliError } from './errors.ts'

/** What only the composition root knows. */
export interface Parts {
  /** The plugins that come with skep. */
  readonly catalogue: Catalogue
}

/** One file a command: adds its arguments, options, help and action to an empty command. */
export interface CommandModule {
  define(command: Command, parts: Parts): void
}

/** The control socket of the node that the Debian package runs. */
const SERVICE_SOCKET = '/run/skep/skep.sock'

/** Where the node is, and how to print. */
export interface Context {
  readonly dataDirectory: string
  /** Where a node started with this command line listens. */
  readonly socketPath: string
  /** Where a command looks for a node, in this order. */
  readonly sockets: readonly [string, ...string[]]
  /** Which board of the fleet is meant, by its name or peer id; absent: the one that answers here. */
  readonly node?: string
  /** Results and errors are JSON, one object a line. */
  readonly json: boolean
}

interface GlobalOptions {
  readonly data: string
  readonly socket?: string
  readonly node?: string
  readonly json?: boolean
}

export function contextOf(command: Command): Context {
  const { data, socket, node, json = false } = command.optsWithGlobals<GlobalOptions>()
  const dataDirectory = resolve(data)
  const socketPath = socket ? resolve(socket) : join(dataDirectory, 'skep.sock')
  const isNamed = socket !== undefined || command.getOptionValueSourceWithGlobals('data') !== 'default'
  const sockets: Context['sockets'] = isNamed ? [socketPath] : [socketPath, SERVICE_SOCKET]
  return { dataDirectory, socketPath, sockets, ...(node !== undefined && { node }), json }
}

/** https://specifications.freedesktop.org/basedir-spec/latest/ */
export function defaultDataDirectory(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'skep')
}

/**
 * Prints a result: as one line of JSON, or as text for a person. With `--node` all that is in it is another board's to say.
 * @throws SkepError ANSWER_INVALID where `text` fails for what the value is
 */
export function print({ json }: Pick<Context, 'json'>, value: unknown, text: () => string): void {
  writeLine(() => (json ? JSON.stringify(value) : text()))
}

/** As {@link print}, of a list: each value is a line of JSON. */
export function printAll(
  { json }: Pick<Context, 'json'>,
  values: readonly unknown[],
  text: () => string,
): void {
  if (json) for (const value of values) writeLine(() => JSON.stringify(value))
  else writeLine(text)
}

/** A node of another version, or one that lies, answers with values of other shapes. */
function writeLine(line: () => string): void {
  process.stdout.write(`${printableText(told(line))}\n`)
}

function told(line: () => string): string {
  try {
    return line()
  } catch (cause) {
    const message = `the node answered with what this command can't read: ${messageOf(cause)}`
    throw cliError('ANSWER_INVALID', message, { cause })
  }
}

/** Help text below a command's options: each line a comment or a command that can be pasted. */
export function examples(...lines: string[]): string {
  return ['', lines.length > 1 ? 'Examples:' : 'Example:', ...lines.map(line => `  ${line}`)].join('\n')
}
