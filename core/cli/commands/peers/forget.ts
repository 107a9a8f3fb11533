import type { Command } from 'commander'
import { contextOf, examples, print } from '../../context.ts'
import { interruption } from '../../interrupt.ts'
import { nodeClient } from '../../node-client.ts'
import { notEmpty } from '../../options.ts'
import { PEER } from './peer-argument.ts'

export function defineForget(command: Command): void {
  command
    .description(
      'hang up on a peer and drop all that is known of it, but for its tags; it may be found again',
    )
    .argument('<peer>', PEER, notEmpty)
    .addHelpText('after', examples('skep peers forget 12D3KooWQ7…'))
    .action(async (peer: string) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const forgotten = await client.operate<{ peer: string }>({
        method: 'DELETE',
        path: 'peers',
        query: { peer },
        signal: interruption(),
      })
      print(context, forgotten, () => `forgot ${forgotten.peer}`)
    })
}
