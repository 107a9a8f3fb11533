import type { Command } from 'commander'
import { contextOf, examples, type Parts, print } from '../../context.ts'
import { formatBytes } from '../../format.ts'
import { runsHere } from '../../here.ts'
import { addSettingsOptions, type SettingsOptions } from '../../settings.ts'
import { stoppedStore } from './stopped-store.ts'

export function defineCompact(command: Command, parts: Parts): void {
  addSettingsOptions(runsHere(command, 'changes the files of a stopped node'))
    .description('give the free pages of the index back to the disk; the node has to be stopped')
    .addHelpText('after', examples('skep stop; skep storage compact && skep start'))
    .action(async (options: SettingsOptions) => {
      const context = contextOf(command)
      const { directory, settings } = await stoppedStore(context, options, parts)
      const { compactIndex } = await import('../../../storage/compact.ts')
      const report = await compactIndex({ directory, mapBytes: settings.mapBytes })
      const { beforeBytes, afterBytes } = report
      print(
        context,
        report,
        () => `index: ${formatBytes(beforeBytes)} before, ${formatBytes(afterBytes)} now`,
      )
    })
}
