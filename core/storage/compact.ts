import { stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { emptyDirectory, syncDirectory, syncFile } from './directory.ts'
import { storageError } from './errors.ts'
import { problemOfIndex } from './index-check.ts'
import { LmdbStore } from './lmdb.ts'
import { LMDB_DATA_FILE } from './lmdb-file.ts'
import { lockDirectory } from './lock.ts'
import { changePlaces, finishRebuild } from './rebuild.ts'

export interface CompactOptions {
  readonly directory: string
  readonly mapBytes: number
}

export interface CompactReport {
  /** Of the index on disk. */
  readonly beforeBytes: number
  readonly afterBytes: number
}

/**
 * Copies the index without its free pages and changes places with it, so that a kill midway leaves the old one. Until then
 * both are on disk.
 *
 * @throws SkepError STORAGE_LOCKED, STORAGE_UNREADABLE, STORAGE_FULL, STORAGE_FAILED
 */
export async function compactIndex({ directory, mapBytes }: CompactOptions): Promise<CompactReport> {
  await using undo = new AsyncDisposableStack()
  const lock = await lockDirectory(directory)
  undo.defer(() => lock.release())
  await finishRebuild(directory)

  const place = join(directory, 'index')
  const problem = await problemOfIndex(join(place, LMDB_DATA_FILE))
  if (problem) throw storageError('STORAGE_UNREADABLE', `the index in ${directory} is damaged: ${problem}`)
  const { size: beforeBytes } = await stat(join(place, LMDB_DATA_FILE))
  const store = new LmdbStore(
    { directory: place, environment: 'index', mapBytes },
    { onFatal: () => undefined },
  )
  undo.defer(() => store.close())
  const { bavail, bsize } = await statfs(directory)
  if (bavail * bsize < store.usedBytes) {
    throw storageError('STORAGE_FULL', `no room for a copy of ${store.usedBytes} bytes of the index`)
  }
  const draft = join(directory, 'index.draft')
  await emptyDirectory(draft)
  await store.copyTo(draft)
  await store.close()
  await syncFile(join(draft, LMDB_DATA_FILE))
  await syncDirectory(draft)
  await changePlaces(directory)
  const { size: afterBytes } = await stat(join(place, LMDB_DATA_FILE))
  return { beforeBytes, afterBytes }
}
