import type { Command } from 'commander'
import { contextOf, examples, print } from '../context.ts'
import { nodeClient } from '../node-client.ts'

export function define(command: Command): void {
  command.addHelpText('after', examples('skep stop && skep start')).action(async () => {
    const context = contextOf(command)
    const client = await nodeClient(context)
    await client.stop()
    print(context, { stopped: true }, () => 'stopped')
  })
}
