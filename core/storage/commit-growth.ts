import { LMDB_PAGE_BYTES } from './lmdb-file.ts'

/** Leaves that a change touches: one that splits, or one that takes from its neighbour or merges with it. */
const LEAVES_PER_CHANGE = 2
/** The same for each level above. */
const BRANCHES_PER_LEVEL = 2
/** The tree of tables, that of free pages, and what else each commit writes anew. */
const PAGES_PER_COMMIT = 16
/** Pages that one page of a list of free pages names: 8 bytes each, beside headers. */
const NAMES_PER_PAGE = LMDB_PAGE_BYTES / 8 - 4
/**
 * Pages freed by a commit are noted in a row of pages. It is written anew where it gets longer, since noting what was free
 * before frees pages, too, and the row before is of use only to the next commit.
 */
const WRITES_OF_FREED = 3
/** Of free pages that lmdb-js keeps in memory, and writes anew where it took some; it reads no more than that. */
const MAX_PAGES_LISTED = 75_000

export interface TreePages {
  readonly depth: number
  readonly leaves: number
  readonly branches: number
  /** Of values that fit no leaf. */
  readonly overflow: number
}

interface TableChanges {
  /** The tree before the commit. */
  readonly before: TreePages
  puts: number
  deletes: number
}

/**
 * How much longer one commit can make the file, at worst: LMDB copies each page before it changes it, once a commit, and
 * need not find a free one.
 */
export class CommitGrowth<T> {
  readonly #treeOf: (table: T) => TreePages
  readonly #freePages: number
  readonly #changes = new Map<T, TableChanges>()
  #valuePages = 0

  /** `treeOf`: the tree of a table with all changes so far. `freePages`: of the file, before the commit. */
  constructor(treeOf: (table: T) => TreePages, freePages: number) {
    this.#treeOf = treeOf
    this.#freePages = freePages
  }

  /** To be called before each put. */
  put(table: T, valueBytes: number): void {
    this.#of(table).puts++
    // A value that fits into a leaf is counted with it.
    if (valueBytes > LMDB_PAGE_BYTES / 4) this.#valuePages += Math.ceil(valueBytes / LMDB_PAGE_BYTES) + 1
  }

  /** To be called before each delete. */
  delete(table: T): void {
    this.#of(table).deletes++
  }

  get tables(): Iterable<T> {
    return this.#changes.keys()
  }

  /** With all changes so far. */
  get bytes(): number {
    let pages = this.#valuePages + PAGES_PER_COMMIT
    let gonePages = 0
    for (const [table, { before, puts, deletes }] of this.#changes) {
      const after = this.#treeOf(table)
      const changes = puts + deletes
      // Each leaf there was is copied once, and a put adds one at most; seen from the end, a delete takes away one at most.
      pages += Math.min(changes * LEAVES_PER_CHANGE, before.leaves + puts, after.leaves + deletes)
      const depth = Math.max(before.depth, after.depth)
      pages += Math.min(changes * depth * BRANCHES_PER_LEVEL, Math.max(before.branches, after.branches))
      gonePages += Math.max(0, pagesOf(before) - pagesOf(after))
    }
    // What was copied is free, and what is gone.
    const freedPages = gonePages + pages
    const listedPages = Math.min(this.#freePages, MAX_PAGES_LISTED)
    pages +=
      WRITES_OF_FREED * Math.ceil(freedPages / NAMES_PER_PAGE) + Math.ceil(listedPages / NAMES_PER_PAGE)
    return pages * LMDB_PAGE_BYTES
  }

  #of(table: T): TableChanges {
    const changes = this.#changes.get(table) ?? { before: this.#treeOf(table), puts: 0, deletes: 0 }
    this.#changes.set(table, changes)
    return changes
  }
}

export function pagesOf({ leaves, branches, overflow }: TreePages): number {
  return leaves + branches + overflow
}
