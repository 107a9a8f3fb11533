import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { BlockIndex } from './block-index.ts'
import { LMDB_DATA_FILE } from './lmdb-file.ts'
import { slotBytesOf, slotsPerSegment } from './size-classes.ts'
import { countBits } from './slots.ts'
import type { SegmentClass, StorageCensus, StorageStats } from './storage.ts'

/** What `stat` calls a block, whatever the file system has. */
const STAT_BLOCK_BYTES = 512

export interface CensusSources {
  readonly directory: string
  readonly index: BlockIndex
  /** Of the pages in use. */
  indexBytes(): number
  vaultBytes(): number
  quota(): StorageStats
}

/** Counts what is in a store's directory, from the index and the files' own sizes. No block is read. */
export async function takeCensus(sources: CensusSources): Promise<StorageCensus> {
  const { directory, index } = sources
  const quarantined = Map.groupBy(index.quarantined(), ({ segment }) => segment)
  const classes = new Map<number, SegmentClass>()
  const quarantine = { slots: 0, bytes: 0 }
  let inSlots = 0
  for (const { id, record } of index.segments()) {
    const slotBytes = slotBytesOf(record.sizeClass)
    const damaged = quarantined.get(id)?.length ?? 0
    const taken = countBits(record.bitmap)
    const before = classes.get(record.sizeClass)
    classes.set(record.sizeClass, {
      slotBytes,
      segments: (before?.segments ?? 0) + 1,
      slots: (before?.slots ?? 0) + slotsPerSegment(record.sizeClass),
      takenSlots: (before?.takenSlots ?? 0) + taken,
    })
    quarantine.slots += damaged
    quarantine.bytes += damaged * slotBytes
    inSlots += taken - damaged
  }
  const quota = sources.quota()
  return {
    quota,
    inlineBlocks: quota.blocks - inSlots,
    segmentBlocks: inSlots,
    segments: [...classes].sort(([a], [b]) => a - b).map(([, entry]) => entry),
    segmentBytes: await treeBytes(join(directory, 'segments')),
    quarantine,
    index: {
      fileBytes: await fileBytes(join(directory, 'index', LMDB_DATA_FILE)),
      usedBytes: sources.indexBytes(),
    },
    vault: {
      fileBytes: await fileBytes(join(directory, 'vault', LMDB_DATA_FILE)),
      usedBytes: sources.vaultBytes(),
      snapshotBytes: await treeBytes(join(directory, 'vault-snapshots')),
    },
  }
}

/** Disk bytes of all files beneath a directory; one that goes meanwhile counts as gone. */
async function treeBytes(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
  let bytes = 0
  for (const entry of entries)
    if (entry.isFile()) bytes += await fileBytes(join(entry.parentPath, entry.name))
  return bytes
}

async function fileBytes(path: string): Promise<number> {
  return stat(path).then(
    ({ blocks }) => blocks * STAT_BLOCK_BYTES,
    () => 0,
  )
}
