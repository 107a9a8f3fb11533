import type { Command } from 'commander'
import { contextOf, examples, print } from '../context.ts'
import { ensureDataDirectory } from '../data-directory.ts'

export function define(command: Command): void {
  command.addHelpText('after', examples('skep stop; skep storage rebuild && skep start'))
  command
    .command('rebuild')
    .description('make the index again from the segment files; the node has to be stopped')
    .addHelpText('after', examples('skep stop; skep storage rebuild && skep start'))
    .action(async (_options: object, rebuild: Command) => {
      const context = contextOf(rebuild)
      await ensureDataDirectory(context.dataDirectory)
      const { rebuildIndex } = await import('../../storage/rebuild.ts')
      const result = await rebuildIndex(context.dataDirectory)
      print(context, result, () => `the index has been made again: ${result.blocks} blocks`)
    })
}
