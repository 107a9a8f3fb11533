import { LMDB_PAGE_BYTES } from './lmdb-file.ts'

/** Pages of one tree that one change can touch: a path that splits at each step. */
const PAGES_PER_CHANGE = 8
/** The tree of tables, that of free pages, and what else each commit writes anew. */
const PAGES_PER_COMMIT = 16
/** A free page is noted with 8 bytes; LMDB wants rows of pages for that, so twice as many are counted. */
const FREE_LIST_SHARE = (2 * 8) / LMDB_PAGE_BYTES

/**
 * How much longer one commit can make the file, at worst: LMDB copies each page before it changes it, once a commit, and
 * need not find a free one.
 */
export class CommitGrowth<T> {
  readonly #changes = new Map<T, number>()
  #valuePages = 0

  add(table: T, valueBytes: number): void {
    this.#changes.set(table, (this.#changes.get(table) ?? 0) + 1)
    // A value that fits into a leaf is counted with it.
    if (valueBytes > LMDB_PAGE_BYTES / 4) this.#valuePages += Math.ceil(valueBytes / LMDB_PAGE_BYTES) + 1
  }

  get tables(): Iterable<T> {
    return this.#changes.keys()
  }

  /** `treePagesOf`: how many pages the tree of a table has with all changes in it. */
  bytes(treePagesOf: (table: T) => number): number {
    let pages = this.#valuePages + PAGES_PER_COMMIT
    for (const [table, changes] of this.#changes)
      pages += Math.min(changes * PAGES_PER_CHANGE, treePagesOf(table))
    return Math.ceil(pages * (1 + FREE_LIST_SHARE)) * LMDB_PAGE_BYTES
  }
}
