import * as dagPb from '@ipld/dag-pb'
import type { MemoryBudget } from '../resources/byte-budget.ts'
import type { BlockStore } from '../storage/storage.ts'
import { BlockWriter } from './block-writer.ts'
import type { AddResult, ContentOptions, ImportEntry } from './content.ts'
import { contentError } from './errors.ts'
import { FileImporter } from './file-importer.ts'
import type { HashThread } from './hash-thread.ts'
import type { Hold } from './holds.ts'
import type { ImportProfile } from './profile.ts'
import { TreeImporter, type TreeImporterDependencies } from './tree-importer.ts'
import { encodeSymlink, type MadeLink } from './unixfs-node.ts'

/** PATH_MAX of Linux: no system follows a longer one. */
const MAX_TARGET_BYTES = 4_096

export interface ImportOptions extends ContentOptions {
  readonly profile: ImportProfile
  /** Entries of directories kept in memory, where the default doesn't do. */
  readonly maxOpenEntries?: number
}

export interface ImportDependencies {
  readonly store: BlockStore
  readonly memory: MemoryBudget
  readonly hashThread: HashThread
  readonly hold: Hold
  readonly readDirectory: TreeImporterDependencies['readDirectory']
}

/**
 * Stores a stream of file system entries as UnixFS and resolves when all of it is durable.
 *
 * @throws SkepError ENTRY_INVALID, STORAGE_FULL, STORAGE_FAILED, and whatever a source throws
 */
export async function importEntries(
  entries: AsyncIterable<ImportEntry>,
  { profile, signal, onProgress, maxOpenEntries }: ImportOptions,
  { store, memory, hashThread, hold, readDirectory }: ImportDependencies,
): Promise<AddResult> {
  const writer = new BlockWriter({ signal }, { store, memory, hashThread, hold })
  const progress = { bytes: 0, blocks: 0 }
  const onChunk = (bytes: number): void => {
    progress.bytes += bytes
    progress.blocks += 1
    onProgress?.({ ...progress })
  }
  const fileImporter = new FileImporter({ profile, onChunk }, writer)
  const tree = new TreeImporter({ profile, maxOpenEntries }, { writer, readDirectory })
  let single: MadeLink | undefined
  let count = 0
  let size = 0
  let files = 0

  const importLeaf = async (entry: ImportEntry & { type: 'file' | 'symlink' }): Promise<MadeLink> => {
    if (entry.type === 'symlink') return importSymlink(entry, writer)
    const file = await fileImporter.import(entry)
    files += 1
    size += file.size
    return file
  }

  try {
    for await (const entry of entries) {
      signal?.throwIfAborted()
      count += 1
      if (single) throw contentError('ENTRY_INVALID', 'an entry without a path is beside others')
      if (entry.type === 'directory') await tree.addDirectory(entry.path, entry)
      else if (entry.path === '' && count === 1) single = await importLeaf(entry)
      else await tree.addLeaf(entry.path, await importLeaf(entry))
    }
    const { cid } = single ?? (await tree.finish())
    await writer.drain()
    return { cid, size, files }
  } finally {
    await writer.settled()
  }
}

async function importSymlink(
  entry: ImportEntry & { type: 'symlink' },
  writer: BlockWriter,
): Promise<MadeLink> {
  if (Buffer.byteLength(entry.target) > MAX_TARGET_BYTES) {
    throw contentError(
      'ENTRY_INVALID',
      `the target of symlink '${entry.path}' is over ${MAX_TARGET_BYTES} bytes`,
    )
  }
  const node = encodeSymlink(entry.target, entry)
  return { cid: await writer.write(dagPb.code, node), totalBytes: node.length }
}
