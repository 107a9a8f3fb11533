import type { Command } from 'commander'
import { isSkepError } from '../../../errors.ts'
import type { StorageCensus } from '../../../storage/storage.ts'
import { type Context, contextOf, examples, type Parts, print } from '../../context.ts'
import { formatBytes, table } from '../../format.ts'
import { nodeClient } from '../../node-client.ts'
import { addSettingsOptions, type SettingsOptions } from '../../settings.ts'
import { openStopped, stoppedStore } from './stopped-store.ts'

export function defineStats(command: Command, parts: Parts): void {
  addSettingsOptions(command)
    .description('what the store has on disk, of a node that runs or is stopped')
    .addHelpText('after', examples('skep storage stats', 'skep storage stats --json | jq .segments'))
    .action(async (options: SettingsOptions) => {
      const context = contextOf(command)
      const census = await ofRunning(context).catch(error => {
        if (context.node !== undefined || !isSkepError(error, 'NODE_NOT_RUNNING')) throw error
        return ofStopped(context, options, parts)
      })
      print(context, census, () => describe(census))
    })
}

async function ofRunning(context: Context): Promise<StorageCensus> {
  const client = await nodeClient(context)
  return client.get<StorageCensus>('storage')
}

async function ofStopped(context: Context, options: SettingsOptions, parts: Parts): Promise<StorageCensus> {
  const storage = await openStopped(await stoppedStore(context, options, parts))
  try {
    return await storage.census()
  } finally {
    await storage.close()
  }
}

function describe({ quota, index, vault, quarantine, ...census }: StorageCensus): string {
  const free = ({ fileBytes, usedBytes }: { fileBytes: number; usedBytes: number }): string =>
    `${formatBytes(fileBytes)}, ${formatBytes(Math.max(0, fileBytes - usedBytes))} of it free pages`
  const rows = [
    ['blocks', `${quota.blocks}: ${census.inlineBlocks} in the index, ${census.segmentBlocks} in segments`],
    ['quota', `${formatBytes(quota.usedBytes)} used, ${formatBytes(quota.reservedBytes)} reserved`],
    ['', `of ${formatBytes(quota.maxBytes)}; ${formatBytes(quota.freeDiskBytes)} free on the disk`],
    ['index', free(index)],
    ['vault', `${free(vault)}; ${formatBytes(vault.snapshotBytes)} of snapshots`],
    ['quarantine', `${quarantine.slots} slots, ${formatBytes(quarantine.bytes)}`],
    ['segments', formatBytes(census.segmentBytes)],
  ]
  const classes = census.segments.map(({ slotBytes, segments, slots, takenSlots }) => [
    `  ${formatBytes(slotBytes)}`,
    `${segments} ${segments === 1 ? 'segment' : 'segments'}`,
    `${takenSlots} of ${slots} slots taken`,
  ])
  return [table(rows), ...(classes.length > 0 ? [table(classes)] : [])].join('\n')
}
