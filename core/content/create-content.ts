import type { CID } from 'multiformats/cid'
import type { MemoryBudget } from '../resources/byte-budget.ts'
import type { Blocks } from '../services/blocks.ts'
import type { Storage, WaitOptions } from '../storage/storage.ts'
import type { Content } from './content.ts'
import { DagReader } from './dag-reader.ts'
import { entriesOf } from './directory-reader.ts'
import { Exporter } from './exporter.ts'
import { HashThread } from './hash-thread.ts'
import { importEntries } from './importer.ts'
import type { PinKeeper } from './pins.ts'
import { type ImportProfile, UNIXFS_V1_2025 } from './profile.ts'
import type { StoredDirectory } from './tree-importer.ts'
import type { DirectoryLink } from './unixfs-node.ts'

export interface ContentDependencies {
  readonly storage: Storage
  readonly blocks: Blocks
  readonly pins: PinKeeper
  readonly memory: MemoryBudget
}

export interface ContentSettings {
  /** Default: unixfs-v1-2025, the one whose CIDs other tools give. */
  readonly profile?: ImportProfile
  /** Entries of directories kept in memory while a tree is added. */
  readonly maxOpenEntries?: number
}

export function createContent(
  { storage, blocks, pins, memory }: ContentDependencies,
  { profile = UNIXFS_V1_2025, maxOpenEntries }: ContentSettings = {},
): Content {
  const store = storage.blocks
  const hashThread = new HashThread()
  const exporter = new Exporter({ blocks, store, memory })

  const readDirectory = async (cid: CID, { signal }: WaitOptions): Promise<StoredDirectory | undefined> => {
    await using session = blocks.session(cid)
    const reader = new DagReader(session, memory, signal)
    const node = await reader.load(cid)
    if (node.type !== 'directory' && node.type !== 'shard') return undefined
    const { mode, mtimeMs } = node
    const links: DirectoryLink[] = []
    for await (const link of entriesOf(reader, node)) links.push(link)
    return { attributes: { mode, mtimeMs }, links }
  }

  return {
    async add(entries, { pin = true, pinName, totalBytes = 0, ...options } = {}) {
      const { signal } = options
      store.checkCapacity(totalBytes)
      const hold = pins.hold()
      try {
        const result = await importEntries(
          entries,
          { ...options, profile, maxOpenEntries },
          { store, memory, hashThread, hold, readDirectory: cid => readDirectory(cid, { signal }) },
        )
        if (pin) await pins.add(result.cid, { signal, name: pinName })
        return result
      } finally {
        hold.release()
      }
    },
    cat: (path, options) => exporter.cat(path, options),
    list: (path, options) => exporter.list(path, options),
    export: (path, options) => exporter.export(path, options),
    resolve: (path, options) => exporter.resolve(path, options),
  }
}
