import type { Command } from 'commander'
import { contextOf, examples, print } from '../../context.ts'
import { interruption } from '../../interrupt.ts'
import { nodeClient } from '../../node-client.ts'
import { notEmpty } from '../../options.ts'
import { PEER } from './peer-argument.ts'
import { withReputation } from './reputation-routes.ts'

export function definePardon(command: Command): void {
  command
    .description('end the ban of a peer, and forget what spoke for and against it')
    .argument('<peer>', PEER, notEmpty)
    .addHelpText('after', examples('skep peers pardon 12D3KooWQ7…'))
    .action(async (peer: string) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const result = await withReputation(() =>
        client.operate<{ peer: string; pardoned: boolean }>({
          method: 'POST',
          path: 'reputation/pardon',
          body: { peer },
          signal: interruption(),
        }),
      )
      print(context, result, () =>
        result.pardoned ? `${result.peer} is a stranger again` : `nothing was known of ${result.peer}`,
      )
    })
}
