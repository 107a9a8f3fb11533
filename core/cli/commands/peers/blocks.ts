import type { Command } from 'commander'
import type { Block } from '../../../network/blocklist.ts'
import { printable } from '../../../printable.ts'
import { contextOf, examples, print, printAll } from '../../context.ts'
import { formatDuration, table } from '../../format.ts'
import { interruption } from '../../interrupt.ts'
import { nodeClient } from '../../node-client.ts'
import { duration, notEmpty } from '../../options.ts'
import { expiry } from './show.ts'

const TARGET = 'peer (as for `skep peers show`), IP address, or network such as 192.0.2.0/24'

export function defineBlock(command: Command): void {
  command
    .description('keep a peer, an address or a network out, and hang up on it')
    .argument('<target>', TARGET, notEmpty)
    .option('--for <duration>', 'until then, such as 30m or 7d; default: for good', duration)
    .option('--reason <text>', 'a note for whoever reads `skep peers blocks`', notEmpty)
    .addHelpText('after', examples('skep peers block 12D3KooWQ7… --for 7d', 'skep peers block 192.0.2.0/24'))
    .action(async (target: string, { for: expiresInMs, reason }: { for?: number; reason?: string }) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const block = await client.operate<Block>({
        method: 'POST',
        path: 'peers/blocks',
        body: { target, expiresInMs, reason },
        signal: interruption(),
      })
      print(context, block, () => `${block.target} is blocked${expiry(block.expiresInMs)}`)
    })
}

export function defineUnblock(command: Command): void {
  command
    .description('let a peer, an address or a network in again')
    .argument('<target>', TARGET, notEmpty)
    .addHelpText('after', examples('skep peers unblock 192.0.2.0/24'))
    .action(async (target: string) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const result = await client.operate<{ target: string; unblocked: boolean }>({
        method: 'DELETE',
        path: 'peers/blocks',
        query: { target },
        signal: interruption(),
      })
      print(context, result, () =>
        result.unblocked ? `${result.target} may connect again` : `${result.target} was not blocked`,
      )
    })
}

export function defineBlocks(command: Command): void {
  command
    .description('list who is kept out, and until when')
    .addHelpText('after', examples('skep peers blocks', 'skep peers blocks --json | jq -r .target'))
    .action(async () => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const blocks = await client.get<readonly Block[]>('peers/blocks')
      printAll(context, blocks, () => describe(blocks))
    })
}

function describe(blocks: readonly Block[]): string {
  if (blocks.length === 0) return 'nobody is blocked'
  return table([
    ['TARGET', 'ENDS IN', 'FROM', 'REASON'],
    ...blocks.map(({ target, expiresInMs, origin, reason = '' }) => [
      target,
      expiresInMs === undefined ? 'never' : formatDuration(expiresInMs),
      origin === 'config' ? 'config' : 'a command',
      printable(reason),
    ]),
  ])
}
