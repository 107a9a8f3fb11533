import { LMDB_PAGE_BYTES } from '../lmdb-file.ts'
import { decodePage, OVERFLOW_HEADER_BYTES, PageDamage } from './layout.ts'
import { PageFile } from './page-file.ts'
import type { Entry } from './walk.ts'

export interface ScanOptions {
  readonly signal?: AbortSignal
  onEntries(entries: readonly Entry[]): Promise<void>
}

/** Read at a time. */
const SCAN_PAGES = 64

/**
 * Finds entries on whatever page looks like a leaf, in use or not, of whichever table: for what can be told by itself, such as
 * content and its hash. What lies in pages of its own is read from where the entry says.
 *
 * @throws the reason of `signal`, the system's error where the file can't be opened or read
 */
export async function scanLeaves(path: string, { signal, onEntries }: ScanOptions): Promise<void> {
  await using file = await PageFile.open(path)
  const lastPage = Math.ceil(file.bytes / LMDB_PAGE_BYTES) - 1
  for (let first = 0; first <= lastPage; first += SCAN_PAGES) {
    signal?.throwIfAborted()
    const numbers = Array.from({ length: Math.min(SCAN_PAGES, lastPage + 1 - first) }, (_, i) => first + i)
    for (const [number, page] of await file.readAll(numbers))
      await onEntries(await entriesOf(file, page, number, lastPage))
  }
}

async function entriesOf(file: PageFile, page: Buffer, number: number, lastPage: number): Promise<Entry[]> {
  const bounds = { lastPage, transaction: Number.POSITIVE_INFINITY }
  const entries: Entry[] = []
  try {
    const found = decodePage(page, number, bounds, () => {})
    if (found.kind === 'branch') return []
    for (const { key, value, overflow } of found.nodes) {
      if (value) entries.push({ key, value })
      else if (overflow) {
        const bytes = await file.read(overflow.page, OVERFLOW_HEADER_BYTES + overflow.bytes)
        entries.push({ key, value: bytes.subarray(OVERFLOW_HEADER_BYTES) })
      }
    }
  } catch (error) {
    if (!(error instanceof PageDamage)) throw error
  }
  return entries
}
