import { IndexAudit, needsValues } from './index-audit.ts'
import { PageDamage } from './lmdb-file/layout.ts'
import { walkLmdbFile } from './lmdb-file/walk.ts'
import type { WaitOptions } from './storage.ts'

/**
 * What is wrong with the file of an index, or undefined where its pages are whole and its tables agree, those of blocks with
 * each other and those of pins. What blocks consist of is not read, nor are slots: an entry that leads to the wrong one shows when
 * the block is read.
 *
 * @throws the system's error where it can't be opened or read; the reason of `signal`
 */
export async function problemOfIndex(
  path: string,
  { signal }: WaitOptions = {},
): Promise<string | undefined> {
  const audit = new IndexAudit()
  try {
    await walkLmdbFile(path, {
      ...(signal && { signal }),
      readsValues: needsValues,
      onEntries: (table, entries) => audit.add(table, entries),
    })
  } catch (error) {
    if (error instanceof PageDamage) return error.message
    throw error
  }
  return audit.problem()
}
