import type { Command } from 'commander'
import { printable } from '../../printable.ts'
import { contextOf, examples, print } from '../context.ts'
import { interruption } from '../interrupt.ts'
import { nodeClient } from '../node-client.ts'
import { notEmpty } from '../options.ts'
import { LOOKING, progressLine } from '../progress.ts'

interface Pin {
  readonly cid: string
  readonly name?: string
  readonly createdMs: number
  readonly state: 'pinning' | 'pinned'
}

export function define(command: Command): void {
  command.addHelpText('after', examples('skep pin add CID --name photos', 'skep pin ls', 'skep pin rm CID'))
  defineAdd(command.command('add'))
  defineRemove(command.command('rm'))
  defineList(command.command('ls'))
}

function defineAdd(command: Command): void {
  command
    .description('fetch what is missing and keep it')
    .argument('<path>', 'CID or CID/a/b', notEmpty)
    .option('--name <text>', 'a name to know it by', notEmpty)
    .addHelpText('after', examples('skep pin add CID --name photos'))
    .action(async (path: string, { name }: { name?: string }) => {
      const context = contextOf(command)
      using progress = progressLine('pinning', context, { waiting: LOOKING })
      const client = await nodeClient(context)
      const pin = await client.operate<Pin>({
        method: 'POST',
        path: 'pins',
        body: { path, name },
        signal: interruption(),
        onProgress: ({ bytes, totalBytes }) => progress.update(bytes, totalBytes),
      })
      progress[Symbol.dispose]()
      print(context, pin, () => describe(pin))
    })
}

function defineRemove(command: Command): void {
  command
    .description('keep it no longer; the cache may evict it')
    .argument('<path>', 'CID or CID/a/b', notEmpty)
    .addHelpText('after', examples('skep pin rm CID'))
    .action(async (path: string) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const removed = await client.operate<{ cid: string }>({
        method: 'DELETE',
        path: 'pins',
        query: { path },
        signal: interruption(),
      })
      print(context, removed, () => `unpinned ${removed.cid}`)
    })
}

function defineList(command: Command): void {
  command
    .description('list what the node keeps')
    .addHelpText('after', examples('skep pin ls --json | jq -r .cid'))
    .action(async () => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      await client.operate<object, Pin>({
        method: 'GET',
        path: 'pins',
        signal: interruption(),
        onItem: pin => print(context, pin, () => describe(pin)),
      })
    })
}

function describe({ cid, name, state }: Pin): string {
  return [cid, state, ...(name === undefined ? [] : [printable(name)])].join('  ')
}
