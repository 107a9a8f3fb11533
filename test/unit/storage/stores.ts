import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { silentLogger } from '../../../core/logger.ts'
import { openStorage, type StorageDependencies, type StorageOptions } from '../../../core/storage/open.ts'
import type { Storage } from '../../../core/storage/storage.ts'

export const KIB = 1024
export const MIB = 1024 * KIB

/** A storage on disk with room for what a test does, closed at its end. */
export async function openAt(
  t: Test,
  directory: string,
  options: Partial<StorageOptions> = {},
  dependencies: Partial<StorageDependencies> = {},
): Promise<Storage> {
  const storage = await openStorage(
    { directory, maxBytes: 256 * MIB, minFreeDiskBytes: 0, mapBytes: 64 * MIB, ...options },
    { log: silentLogger, ...dependencies },
  )
  t.teardown(() => storage.close())
  return storage
}

export function segmentFiles(directory: string): string[] {
  return readdirSync(join(directory, 'segments'))
    .sort()
    .map(name => join(directory, 'segments', name))
}
