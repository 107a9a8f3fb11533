import type { Command } from 'commander'
import { printable } from '../../printable.ts'
import { contextOf, examples, print } from '../context.ts'
import { interruption } from '../interrupt.ts'
import { nodeClient } from '../node-client.ts'
import { notEmpty } from '../options.ts'
import { LOOKING, progressLine } from '../progress.ts'

interface Entry {
  readonly name: string
  readonly cid: string
  readonly type: 'file' | 'directory' | 'symlink'
  readonly size?: number
}

/** As `ls -l` has them. */
const TYPE_LETTERS = { file: '-', directory: 'd', symlink: 'l' } as const

/** Room for a terabyte less one. */
const SIZE_COLUMNS = 12

export function define(command: Command): void {
  command
    .argument('<path>', 'CID, CID/a/b, /ipfs/CID/a/b or ipfs://CID/a/b', notEmpty)
    .addHelpText('after', examples('skep ls CID/photos', 'skep ls CID --json | jq -r .name'))
    .action(async (path: string) => {
      const context = contextOf(command)
      using progress = progressLine('listing', context, { waiting: LOOKING })
      const client = await nodeClient(context)
      await client.operate<object, Entry>({
        method: 'GET',
        path: 'content/list',
        query: { path },
        signal: interruption(),
        onItem(entry) {
          progress[Symbol.dispose]()
          print(context, entry, () => describe(entry))
        },
      })
    })
}

function describe({ name, cid, type, size }: Entry): string {
  return `${TYPE_LETTERS[type]} ${String(size ?? '-').padStart(SIZE_COLUMNS)}  ${cid}  ${printable(name)}`
}
