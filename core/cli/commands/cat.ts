import { once } from 'node:events'
import type { Command } from 'commander'
import { contextOf, examples } from '../context.ts'
import { interruption } from '../interrupt.ts'
import { nodeClient } from '../node-client.ts'
import { byteCount, notEmpty } from '../options.ts'
import { LOOKING, progressLine } from '../progress.ts'

interface Options {
  readonly offset?: number
  readonly length?: number
}

export function define(command: Command): void {
  command
    .argument('<path>', 'CID, CID/a/b, /ipfs/CID/a/b or ipfs://CID/a/b of a file', notEmpty)
    .option('--offset <bytes>', 'first byte to print', byteCount)
    .option('--length <bytes>', 'how many bytes to print', byteCount)
    .addHelpText(
      'after',
      examples('skep cat CID/notes.txt', 'skep cat CID --offset 1000000 --length 16 | xxd'),
    )
    .action(async (path: string, { offset, length }: Options) => {
      const context = contextOf(command)
      using progress = progressLine('reading', context, { waiting: LOOKING })
      const client = await nodeClient(context)
      const query = { path, offset, length }
      for await (const chunk of client.download('content/cat', { query, signal: interruption() })) {
        progress[Symbol.dispose]()
        if (!process.stdout.write(chunk)) await once(process.stdout, 'drain')
      }
    })
}
