import { crc32 } from 'node:zlib'
import { isBlockOf } from './block-hash.ts'
import type { BlockIndex } from './block-index.ts'
import { isTableName, tableOf } from './buckets.ts'
import { decodeIndexEntry } from './index-entry.ts'
import type { LmdbStore } from './lmdb.ts'
import { PageDamage } from './lmdb-file/layout.ts'
import { scanLeaves } from './lmdb-file/scan.ts'
import { type Entry, walkLmdbFile } from './lmdb-file/walk.ts'
import { isInline } from './size-classes.ts'
import type { WaitOptions } from './storage.ts'

export interface SalvageReport {
  /** Small blocks that are whole. */
  readonly inlineBlocks: number
  /** Small blocks that the old index has, or says it has, and that are not whole: there may be more. */
  readonly damaged: number
}

export interface SalvageTarget {
  readonly store: LmdbStore
  readonly index: BlockIndex
}

/** One transaction's worth. */
const BATCH_ENTRIES = 4096
const BATCH_BYTES = 4 * 1024 * 1024

/**
 * Tables that aren't taken over. The segments tell most of them anew, and the next start counts the pins anew: the old
 * counts would say of blocks that are lost now that they are held.
 */
const REMADE = [
  ...['meta', 'blocks', 'inline-blocks', 'segments', 'quarantine'],
  ...['pin-roots', 'pin-counts', 'pin-links', 'pin-queue', 'pin-damaged'],
].map(name => tableOf(name, 'index'))
const BLOCKS = tableOf('blocks', 'index')
const INLINE = tableOf('inline-blocks', 'index')

/**
 * Takes over what the file of an index has and the segments have not: metadata as it is, and small blocks that are what their
 * keys say. Never maps the file. Where it is damaged, all that can still be reached is read, and every page is searched for
 * small blocks: one that was deleted and not written over may come back.
 */
export async function salvageIndex(
  path: string,
  isWhole: boolean,
  target: SalvageTarget,
  { signal }: WaitOptions = {},
): Promise<SalvageReport> {
  const salvage = new Salvage(target)
  const options = { ...(signal && { signal }), readsValues: true }
  const onEntries = (table: string, entries: readonly Entry[]) => salvage.add(table, entries)
  if (isWhole) await walkLmdbFile(path, { ...options, onEntries })
  else {
    const skip = (): void => {}
    await walkLmdbFile(path, { ...options, onEntries, onDamage: skip }).catch(error => {
      // Not even where its tables begin is known.
      if (!(error instanceof PageDamage)) throw error
    })
    await scanLeaves(path, { ...options, onEntries: entries => salvage.add(INLINE, entries) })
  }
  await salvage.flush()
  return salvage.report()
}

class Salvage {
  readonly #target: SalvageTarget
  #batch: { readonly table: string; readonly key: Uint8Array; readonly value: Uint8Array }[] = []
  #batchBytes = 0
  #inlineBlocks = 0
  /** Entries of small blocks, as the old index has them. */
  #entries = 0

  constructor(target: SalvageTarget) {
    this.#target = target
  }

  report(): SalvageReport {
    return { inlineBlocks: this.#inlineBlocks, damaged: Math.max(0, this.#entries - this.#inlineBlocks) }
  }

  async add(table: string, entries: readonly Entry[]): Promise<void> {
    for (const { key, value } of entries) {
      if (!value) continue
      if (table === BLOCKS) this.#entries += Number(isInlineEntry(value))
      const isWanted =
        table === INLINE
          ? isInline(value.length) && isBlockOf(key, value)
          : !REMADE.includes(table) && isTableName(table, 'index')
      if (!isWanted) continue
      this.#batch.push({ table, key, value })
      this.#batchBytes += key.length + value.length
      if (this.#batch.length >= BATCH_ENTRIES || this.#batchBytes >= BATCH_BYTES) await this.flush()
    }
  }

  async flush(): Promise<void> {
    const { store, index } = this.#target
    const batch = this.#batch
    this.#batch = []
    this.#batchBytes = 0
    const buckets = new Map(batch.map(({ table }) => [table, store.table(table)]))
    await store.write(write => {
      for (const { table, key, value } of batch) {
        const bucket = buckets.get(table)
        if (table !== INLINE && bucket) write.put(bucket, key, value)
        else if (!index.entry(key)) {
          const block = {
            hash: key,
            length: value.length,
            crc: crc32(value),
            slot: undefined,
            inlineBytes: value,
          }
          index.addBlocks(write, [block])
          this.#inlineBlocks++
        }
      }
    })
  }
}

function isInlineEntry(value: Uint8Array): boolean {
  try {
    return decodeIndexEntry(value).slot === undefined
  } catch {
    return false
  }
}
