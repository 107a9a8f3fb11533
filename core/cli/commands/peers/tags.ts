import { type Command, InvalidArgumentError } from 'commander'
import { printable } from '../../../printable.ts'
import { contextOf, examples, print } from '../../context.ts'
import { interruption } from '../../interrupt.ts'
import { nodeClient } from '../../node-client.ts'
import { notEmpty } from '../../options.ts'
import { PEER } from './peer-argument.ts'

interface Tagged {
  readonly peer: string
  readonly tags: Readonly<Record<string, number>>
}

/** As much as what makes a replica worth keeping: such a peer stays while strangers go. */
const DEFAULT_VALUE = 60

export function defineTag(command: Command): void {
  command
    .description(
      'say that a peer is worth keeping: its connection outlives others, and it is never forgotten',
    )
    .argument('<peer>', PEER, notEmpty)
    .argument('<name>', 'why: any short text', notEmpty)
    .option('--value <n>', 'from 1 to 100', tagValue, DEFAULT_VALUE)
    .addHelpText('after', examples('skep peers tag 12D3KooWQ7… backup --value 80'))
    .action(async (peer: string, name: string, { value }: { value: number }) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const tagged = await client.operate<Tagged>({
        method: 'POST',
        path: 'peers/tags',
        body: { peer, name, value },
        signal: interruption(),
      })
      print(context, tagged, () => describe(tagged))
    })
}

export function defineUntag(command: Command): void {
  command
    .description('take a tag away, or all of them')
    .argument('<peer>', PEER, notEmpty)
    .argument('[name]', 'the tag; default: all', notEmpty)
    .addHelpText('after', examples('skep peers untag 12D3KooWQ7… backup'))
    .action(async (peer: string, name: string | undefined) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const tagged = await client.operate<Tagged & { removed: boolean }>({
        method: 'DELETE',
        path: 'peers/tags',
        query: { peer, name },
        signal: interruption(),
      })
      print(context, tagged, () => (tagged.removed ? describe(tagged) : `${tagged.peer} had no such tag`))
    })
}

function tagValue(text: string): number {
  const value = Number(text)
  if (!/^\d{1,3}$/.test(text) || value < 1 || value > 100)
    throw new InvalidArgumentError('Expected a whole number from 1 to 100.')
  return value
}

function describe({ peer, tags }: Tagged): string {
  const texts = Object.entries(tags).map(([name, value]) => `${printable(name)} (${value})`)
  return `${peer}: ${texts.length === 0 ? 'no tags' : texts.join(', ')}`
}
