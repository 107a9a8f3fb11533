import type { Command } from 'commander'
import { isSkepError } from '../../errors.ts'
import { printable } from '../../printable.ts'
import { contextOf, examples, print } from '../context.ts'
import { cliError } from '../errors.ts'
import { table } from '../format.ts'
import { interruption } from '../interrupt.ts'
import { nodeClient } from '../node-client.ts'
import { notEmpty } from '../options.ts'

interface Provider {
  readonly peer: string
  /** Who told of it. */
  readonly source: 'members' | 'dht' | 'delegated'
  readonly addresses: readonly string[]
}

export function define(command: Command): void {
  command
    .argument('<cid>', 'the block to look for, such as the root of a file', notEmpty)
    .addHelpText('after', examples('skep providers CID', 'skep providers CID --json | jq -r .peer'))
    .action(async (cid: string) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const found: Provider[] = []
      try {
        await client.operate<{ providers: number }, Provider>({
          method: 'GET',
          path: `routing/providers/${encodeURIComponent(cid)}`,
          signal: interruption(),
          isKept: !context.json,
          onItem(provider) {
            if (context.json) print(context, provider, () => '')
            else found.push(provider)
          },
        })
      } catch (error) {
        if (!isSkepError(error, 'ROUTE_NOT_FOUND')) throw error
        throw cliError('ROUTING_OFF', 'the node runs without the plugin routing', { cause: error })
      }
      if (!context.json) print(context, found, () => describe(found))
    })
}

function describe(found: readonly Provider[]): string {
  if (found.length === 0) return 'nobody is known to have it'
  return table([
    ['PEER', 'TOLD BY', 'ADDRESS'],
    ...found.map(({ peer, source, addresses }) => [peer, source, printable(addresses[0] ?? '-')]),
  ])
}
