import { type Command, InvalidArgumentError } from 'commander'
import { isSkepError } from '../../errors.ts'
import { printable } from '../../printable.ts'
import { type Change, parsePosition } from '../../state/change-feed.ts'
import { contextOf, examples, print } from '../context.ts'
import { interruption } from '../interrupt.ts'
import { nodeClient } from '../node-client.ts'

export function define(command: Command): void {
  command
    .option('--since <sequence>', 'begin after that event, as far back as they are kept', position)
    .addHelpText(
      'after',
      examples('skep events', 'skep events --json | jq \'select(.event == "peer:connected")\''),
    )
    .action(async ({ since }: { since?: string }) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const following = client.operate<never, Change>({
        method: 'GET',
        path: 'events',
        query: { since },
        signal: interruption(),
        onItem: change => print(context, change, () => describe(change)),
      })
      await following.catch(error => {
        // Whoever follows leaves that way.
        if (!isSkepError(error, 'INTERRUPTED')) throw error
      })
    })
}

function position(text: string): string {
  if (!parsePosition(text)) throw new InvalidArgumentError('Expected the number of an event, such as 17.')
  return text
}

/** `17  2026-01-02T03:04:05.678Z  peer:connected  peer=12D3KooW…` */
function describe({ sequence, timeMs, event, data }: Change): string {
  const parts = Object.entries(data).map(
    ([name, value]) => `${name}=${printable(typeof value === 'string' ? value : JSON.stringify(value))}`,
  )
  return [String(sequence), new Date(timeMs).toISOString(), event, ...parts].join('  ')
}
