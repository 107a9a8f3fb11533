import type { Command } from 'commander'
import { contextOf, examples, print } from '../context.ts'

export function define(command: Command): void {
  command.addHelpText('after', examples('skep stop && skep start')).action(async () => {
    const { createClient } = await import('../client.ts')
    const context = contextOf(command)
    await createClient(context.socketPath).stop()
    print(context, { stopped: true }, () => 'stopped')
  })
}
