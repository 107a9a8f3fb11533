import { LMDB_PAGE_BYTES } from './lmdb-file.ts'

/** Leaves that a change touches: one that splits. */
const LEAVES_PER_CHANGE = 2
/** Branches right above the leaves that a change touches, with a share of their splits. */
const BRANCHES_PER_CHANGE = 1.5
/** Branches further up, of all branches: each has dozens beneath it. */
const UPPER_BRANCH_SHARE = 1 / 32
/** The tree of tables, that of free pages, and what else each commit writes anew. */
const PAGES_PER_COMMIT = 16
/** A free page is noted with 8 bytes; LMDB wants rows of pages for that, so twice as many are counted. */
const FREE_LIST_SHARE = (2 * 8) / LMDB_PAGE_BYTES

export interface TreePages {
  readonly leaves: number
  readonly branches: number
}

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

  /** `treeOf`: the tree of a table with all changes in it. */
  bytes(treeOf: (table: T) => TreePages): number {
    let pages = this.#valuePages + PAGES_PER_COMMIT
    for (const [table, changes] of this.#changes) {
      const { leaves, branches } = treeOf(table)
      pages += Math.min(leaves, changes * LEAVES_PER_CHANGE)
      pages += Math.min(branches, changes * BRANCHES_PER_CHANGE + branches * UPPER_BRANCH_SHARE)
    }
    return Math.ceil(pages * (1 + FREE_LIST_SHARE)) * LMDB_PAGE_BYTES
  }
}
