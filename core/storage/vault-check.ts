import { tableOf } from './buckets.ts'
import { PageDamage } from './lmdb-file/layout.ts'
import { type Entry, walkLmdbFile } from './lmdb-file/walk.ts'
import { FORMAT_KEY, SUMMED_VAULT_FORMAT } from './migrations.ts'
import { RecordSum } from './record-sum.ts'
import type { WaitOptions } from './storage.ts'
import { isSumRecord } from './summed-store.ts'

export interface VaultCheckOptions extends WaitOptions {
  /** Where a start was cut short before the vault got its first record. */
  readonly mayBeNew?: boolean
}

/**
 * What is wrong with the file of a vault, or undefined where it is whole: each of its pages, and its records, of which it has
 * the sum. One that an older version wrote has none; of such only the pages are looked at.
 *
 * @throws the system's error where it can't be opened or read; the reason of `signal`
 */
export async function problemOfVault(
  path: string,
  options: VaultCheckOptions = {},
): Promise<string | undefined> {
  const found = new RecordSum()
  const meta = tableOf('vault-meta', 'vault')
  let noted: RecordSum | undefined
  let format: number | undefined
  let records = 0
  try {
    await walkLmdbFile(path, {
      ...options,
      readsValues: true,
      onEntries(table, entries) {
        records += entries.length
        for (const { key, value } of entries) {
          if (!value) continue
          if (isSumRecord(table, key)) noted = RecordSum.decode(value)
          else found.add(table, key, value)
          if (table === meta && Buffer.compare(key, FORMAT_KEY) === 0 && value.length === 4)
            format = value.readUInt32BE()
        }
      },
    })
  } catch (error) {
    if (error instanceof PageDamage) return error.message
    throw error
  }
  if (records === 0 && options.mayBeNew) return undefined
  if (format === undefined) return 'it has no format version'
  if (!noted) return format < SUMMED_VAULT_FORMAT ? undefined : 'it has no sum of its records'
  return noted.equals(found) ? undefined : 'its records are not those that were written'
}

/** A record of a vault as it lies in its table, the sum among them. */
export interface VaultRecord {
  readonly table: string
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** All records of a damaged vault, where each of them can still be read and they have their sum; undefined otherwise. */
export async function recordsOfDamaged(path: string): Promise<VaultRecord[] | undefined> {
  const records: VaultRecord[] = []
  const found = new RecordSum()
  let noted: RecordSum | undefined
  let isNewest = true
  const add = (table: string, entries: readonly Entry[]): void => {
    for (const { key, value } of entries) {
      if (!value) continue
      records.push({ table, key, value })
      if (isSumRecord(table, key)) noted = RecordSum.decode(value)
      else found.add(table, key, value)
    }
  }
  try {
    await walkLmdbFile(path, {
      readsValues: true,
      onEntries: add,
      onDamage(damage) {
        isNewest &&= !damage.isOfMeta
      },
    })
  } catch (error) {
    if (error instanceof PageDamage) return undefined
    throw error
  }
  return isNewest && noted?.equals(found) ? records : undefined
}
