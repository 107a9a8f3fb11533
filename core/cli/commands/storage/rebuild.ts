import type { Command } from 'commander'
import { contextOf, examples, type Parts, print } from '../../context.ts'
import { ensureDataDirectory } from '../../data-directory.ts'
import { runsHere } from '../../here.ts'
import { addSettingsOptions, loadSettings, type SettingsOptions } from '../../settings.ts'

export function defineRebuild(command: Command, parts: Parts): void {
  addSettingsOptions(runsHere(command, 'changes the files of a stopped node'))
    .description(
      'make the index again from the segment files, checking every block; the node has to be stopped',
    )
    .addHelpText('after', examples('skep stop; skep storage rebuild && skep start'))
    .action(async (options: SettingsOptions) => {
      const context = contextOf(command)
      const { dataDirectory } = context
      const { core } = await loadSettings(context, options, parts)
      await ensureDataDirectory(dataDirectory, core.storage)
      const [{ rebuildIndex }, { createLogger }] = await Promise.all([
        import('../../../storage/rebuild.ts'),
        import('../../../logger.ts'),
      ])
      const report = await rebuildIndex(
        { directory: dataDirectory, mapBytes: core.storage.mapBytes },
        { log: createLogger(core.log.level) },
      )
      const { blocks, inlineBlocks, segments, damaged } = report
      print(
        context,
        report,
        () =>
          `${blocks + inlineBlocks} blocks indexed, ${blocks} of them from ${segments} segments; ${damaged} damaged`,
      )
    })
}
