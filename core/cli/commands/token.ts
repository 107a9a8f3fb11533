import { type Command, InvalidArgumentError, Option } from 'commander'
import { isScope, SCOPES, type Scope } from '../../control/scopes.ts'
import { MAX_TOKEN_MS, MIN_TOKEN_MS } from '../../control/tokens/token-limits.ts'
import type { MadeToken, TokenInfo } from '../../control/tokens/tokens.ts'
import { printable } from '../../printable.ts'
import { contextOf, examples, print, printAll } from '../context.ts'
import { formatDuration, table } from '../format.ts'
import { runsHere } from '../here.ts'
import { interruption } from '../interrupt.ts'
import { nodeClient } from '../node-client.ts'
import { durationBetween, notEmpty } from '../options.ts'

interface CreateOptions {
  readonly scope: readonly Scope[]
  readonly expires?: number
  readonly name?: string
}

export function define(command: Command): void {
  command.addHelpText(
    'after',
    examples(
      '# the node answers by TCP where control.port is set',
      'skep token create --scope read,pins --expires 30d --name backup',
      'skep token ls',
      'skep token revoke backup',
    ),
  )
  defineCreate(command.command('create'))
  defineList(command.command('ls'))
  defineRevoke(command.command('revoke'))
}

function defineCreate(command: Command): void {
  runsHere(command, 'makes a secret, which is told on the board alone')
    .description('make a token that lets a program use the control API by TCP; its secret is told once')
    .addOption(
      new Option('--scope <scopes>', 'what it is good for, such as read,pins; see below')
        .argParser(scopes)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--expires <duration>', 'such as 12h or 30d; default: when it is revoked').argParser(
        durationBetween(MIN_TOKEN_MS, MAX_TOKEN_MS),
      ),
    )
    .option('--name <name>', 'what to call it in lists and to revoke it by', notEmpty)
    .addHelpText(
      'after',
      `\nScopes:\n${table(Object.entries(SCOPES).map(([scope, what]) => [`  ${scope}`, what]))}`,
    )
    .addHelpText(
      'after',
      examples(
        'skep token create --scope read --name dashboard',
        'skep token create --scope add,pins --expires 1h --json | jq -r .token',
      ),
    )
    .action(async ({ scope, expires, name }: CreateOptions) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const made = await client.operate<MadeToken>({
        method: 'POST',
        path: 'tokens',
        body: { scopes: scope, expiresInMs: expires, name },
        signal: interruption(),
      })
      print(context, made, () => made.token)
      if (process.stderr.isTTY && !context.json)
        process.stderr.write(`keep it: it is not told again; \`skep token revoke ${made.id}\` ends it\n`)
    })
}

function defineList(command: Command): void {
  runsHere(command, 'is about the tokens of the board here')
    .description('list the tokens, without their secrets')
    .addHelpText('after', examples('skep token ls', 'skep token ls --json | jq -r .id'))
    .action(async () => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const tokens = await client.get<readonly TokenInfo[]>('tokens')
      printAll(context, tokens, () =>
        tokens.length > 0 ? describe(tokens, Date.now()) : 'there are no tokens',
      )
    })
}

function defineRevoke(command: Command): void {
  runsHere(command, 'is about the tokens of the board here')
    .description('end a token, and what is done with it at this moment')
    .argument('<token>', 'its name or its id', notEmpty)
    .addHelpText('after', examples('skep token revoke dashboard'))
    .action(async (token: string) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const revoked = await client.operate<TokenInfo>({
        method: 'DELETE',
        path: 'tokens',
        query: { token },
        signal: interruption(),
      })
      print(
        context,
        revoked,
        () => `revoked ${revoked.name === undefined ? '' : `${printable(revoked.name)}, `}${revoked.id}`,
      )
    })
}

/** Comma-separated, each once. */
function scopes(text: string, before: readonly Scope[] = []): readonly Scope[] {
  const named = text.split(',').map(each => each.trim())
  const unknown = named.find(each => !isScope(each))
  if (unknown !== undefined)
    throw new InvalidArgumentError(`'${unknown}' is none of ${Object.keys(SCOPES).join(', ')}.`)
  return [...new Set([...before, ...(named as Scope[])])]
}

function describe(tokens: readonly TokenInfo[], wallMs: number): string {
  const ago = (ms: number): string => `${formatDuration(Math.max(0, wallMs - ms))} ago`
  return table([
    ['ID', 'NAME', 'SCOPES', 'MADE', 'ENDS', 'USED'],
    ...tokens.map(({ id, name, scopes, createdMs, expiresMs, isExpired, lastUsedMs }) => [
      id,
      name === undefined ? '-' : printable(name),
      scopes.join(','),
      ago(createdMs),
      isExpired
        ? 'expired'
        : expiresMs === undefined
          ? 'never'
          : `in ${formatDuration(Math.max(0, expiresMs - wallMs))}`,
      lastUsedMs === undefined ? '-' : ago(lastUsedMs),
    ]),
  ])
}
