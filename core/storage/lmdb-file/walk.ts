import { LMDB_PAGE_BYTES } from '../lmdb-file.ts'
import {
  type BranchNode,
  checkOverflow,
  decodeFreeRuns,
  decodeMeta,
  decodePage,
  decodeTable,
  type LeafNode,
  type Meta,
  OVERFLOW_HEADER_BYTES,
  PageDamage,
  type Tree,
  type TreePage,
} from './layout.ts'
import { PageFile } from './page-file.ts'

/** An entry of a table. */
export interface Entry {
  readonly key: Buffer
  /** Undefined where it lies in pages of its own and those aren't read. */
  readonly value: Buffer | undefined
}

export interface WalkOptions {
  readonly signal?: AbortSignal
  /** Reads values that lie in pages of their own, too, of all tables or of some. Default: only looks whether they are there. */
  readonly readsValues?: boolean | ((table: string) => boolean)
  /**
   * Hears what is damaged, and the walk goes on with what isn't; what a table notes of itself isn't compared then. Default:
   * the first damage ends the walk.
   */
  onDamage?(damage: PageDamage): void
  /** Gets the entries of each table, some at a time, in order. */
  onEntries?(table: string, entries: readonly Entry[]): void | Promise<void>
}

export interface WalkReport {
  /** Of the snapshot that was walked. */
  readonly transaction: number
  /** Pages in use. */
  readonly pages: number
}

/** What a tree turned out to have. */
interface Count {
  branchPages: number
  leafPages: number
  overflowPages: number
  entries: number
}

/** Keys from `low` on, up to `high` (exclusive). */
interface Range {
  readonly low: Buffer | undefined
  readonly high: Buffer | undefined
}

interface Place {
  readonly depth: number
  readonly count: Count
  readonly compare: (a: Buffer, b: Buffer) => number
  readonly onLeaf: (nodes: readonly LeafNode[], page: number) => Promise<void>
}

const EVERYTHING: Range = { low: undefined, high: undefined }

/**
 * Walks all that one snapshot of an LMDB file consists of, page by page: tables, values, free pages. Beside the file's own
 * process this is safe while a read transaction keeps that snapshot.
 *
 * Memory: a bit for each page of the file, and the children of one branch on each level.
 *
 * @throws PageDamage, the reason of `signal`, the system's error where the file can't be opened or read
 */
export async function walkLmdbFile(path: string, options: WalkOptions = {}): Promise<WalkReport> {
  await using file = await PageFile.open(path)
  const meta = await latestMeta(file, options)
  return await new Walk(file, meta, options).run()
}

/** As LMDB chooses: the one of the later transaction. Where damage is put up with, a good one. */
async function latestMeta(file: PageFile, { onDamage }: WalkOptions): Promise<Meta> {
  const metas: Meta[] = []
  for (const number of [0, 1]) {
    try {
      metas.push(decodeMeta(await file.read(number), number))
    } catch (error) {
      if (!onDamage || !(error instanceof PageDamage)) throw error
      onDamage(error)
    }
  }
  const [first, second] = metas.sort((a, b) => b.transaction - a.transaction)
  if (!first) throw new PageDamage(0, 'and page 1 are both damaged')
  if (second && !areSuccessive(first, second)) {
    const damage = new PageDamage(0, 'and page 1 are not of transactions one after the other')
    if (!onDamage) throw damage
    onDamage(damage)
  }
  return first
}

/** Transactions take turns with the two pages. A compact copy has but one, whatever its number, and the other as it begins. */
function areSuccessive(last: Meta, before: Meta): boolean {
  if (before.transaction === 0) return before.main.root === undefined
  return last.transaction === before.transaction + 1 && last.transaction % 2 === last.number
}

class Walk {
  readonly #file: PageFile
  readonly #meta: Meta
  readonly #options: WalkOptions
  /** One bit a page: set where it was met. */
  readonly #met: Uint8Array
  #pages = 0
  #lastMet = 0

  constructor(file: PageFile, meta: Meta, options: WalkOptions) {
    this.#file = file
    this.#meta = meta
    this.#options = options
    // A last page beyond all reason, where damage is put up with, must not take memory: what lies behind the file is none.
    this.#met = new Uint8Array(Math.ceil((Math.min(meta.lastPage, file.bytes / LMDB_PAGE_BYTES) + 1) / 8))
  }

  async run(): Promise<WalkReport> {
    const { free, main } = this.#meta
    await this.#tree('', main, Buffer.compare, async (nodes, page) => {
      for (const node of nodes) await this.#table(node, page)
    })
    const pages = this.#pages
    await this.#tree('', free, compareTransactions, (nodes, page) => this.#free(nodes, page))
    // Only free pages may lie behind the end of the file: LMDB would go on behind the last one.
    const lastPage = Math.max(this.#lastMet, Math.ceil(this.#file.bytes / LMDB_PAGE_BYTES) - 1)
    if (!this.#options.onDamage && this.#meta.lastPage > lastPage)
      throw new PageDamage(this.#meta.lastPage, 'would be the last one, far behind the end of the file')
    return { transaction: this.#meta.transaction, pages }
  }

  async #table(node: LeafNode, page: number): Promise<void> {
    const name = node.key.toString('latin1').replace(/\0$/, '')
    try {
      if (!node.isTree) throw new PageDamage(page, 'has a table that is none')
      await this.#tree(name, decodeTable(node.value, page, this.#meta), Buffer.compare, (nodes, leaf) =>
        this.#entries(name, nodes, leaf),
      )
    } catch (error) {
      this.#put(error)
    }
  }

  async #tree(name: string, tree: Tree, compare: Place['compare'], onLeaf: Place['onLeaf']): Promise<void> {
    const count = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 }
    if (tree.root !== undefined) {
      const { depth, root } = tree
      const place = { depth, count, compare, onLeaf: this.#counting(count, onLeaf) }
      const page = (await this.#read([root], place)).get(root)
      if (page) await this.#page(root, page, EVERYTHING, place)
    }
    if (this.#options.onDamage) return
    for (const key of Object.keys(count) as (keyof Count)[]) {
      if (count[key] !== tree[key])
        throw new PageDamage(
          tree.root ?? 0,
          `begins table '${name}' with ${count[key]} ${key}, not ${tree[key]}`,
        )
    }
  }

  #counting(count: Count, onLeaf: Place['onLeaf']): Place['onLeaf'] {
    return async (nodes, page) => {
      count.entries += nodes.length
      for (const { overflow } of nodes) count.overflowPages += overflow?.pages ?? 0
      await onLeaf(nodes, page)
    }
  }

  /** Pages of a tree by their numbers, none of them met before; without those that are damaged. */
  async #read(numbers: readonly number[], { depth }: Place): Promise<Map<number, TreePage>> {
    this.#options.signal?.throwIfAborted()
    const bytes = await this.#file.readAll(numbers)
    const pages = new Map<number, TreePage>()
    for (const number of numbers) {
      try {
        this.#meet(number, 1)
        const page = decodePage(
          bytes.get(number) ?? Buffer.alloc(0),
          number,
          this.#meta,
          this.#options.onDamage,
        )
        if ((page.kind === 'leaf') !== (depth === 1))
          throw new PageDamage(number, 'is on another level of its tree')
        pages.set(number, page)
      } catch (error) {
        this.#put(error)
      }
    }
    return pages
  }

  async #page(number: number, page: TreePage, range: Range, place: Place): Promise<void> {
    this.#checkOrder(number, page, range, place)
    if (page.kind === 'leaf') {
      place.count.leafPages++
      return place.onLeaf(page.nodes, number)
    }
    place.count.branchPages++
    const below = { ...place, depth: place.depth - 1 }
    const children = await this.#read(
      page.nodes.map(({ child }) => child),
      below,
    )
    for (const [i, { child }] of page.nodes.entries()) {
      const found = children.get(child)
      if (found) await this.#page(child, found, this.#rangeOf(page.nodes, i, range), below)
    }
  }

  #rangeOf(nodes: readonly BranchNode[], i: number, { low, high }: Range): Range {
    return { low: i === 0 ? low : nodes[i]?.key, high: nodes[i + 1]?.key ?? high }
  }

  #checkOrder(number: number, page: TreePage, { low, high }: Range, { compare }: Place): void {
    if (this.#options.onDamage) return
    const keys = page.nodes.slice(page.kind === 'branch' ? 1 : 0).map(({ key }) => key)
    const isShort = page.kind === 'branch' && keys.length === 0
    if (isShort) throw new PageDamage(number, 'leads to one page alone')
    let before = low
    for (const [i, key] of keys.entries()) {
      const order = before ? compare(before, key) : -1
      // A leaf may begin with the very key that leads to it.
      if (order > 0 || (order === 0 && (i > 0 || page.kind === 'branch')))
        throw new PageDamage(number, 'has keys out of order')
      before = key
    }
    const last = keys.at(-1)
    if (last && high && compare(last, high) >= 0) throw new PageDamage(number, 'has keys of the next page')
  }

  async #entries(table: string, nodes: readonly LeafNode[], page: number): Promise<void> {
    const entries: Entry[] = []
    const { readsValues: reads = false } = this.#options
    const readsValues = typeof reads === 'function' ? reads(table) : reads
    for (const node of nodes) {
      try {
        if (node.isTree) throw new PageDamage(page, 'has a table in a table')
        entries.push({ key: node.key, value: await this.#value(node, readsValues) })
      } catch (error) {
        this.#put(error)
      }
    }
    await this.#options.onEntries?.(table, entries)
  }

  async #value({ value, overflow }: LeafNode, readsValues: boolean): Promise<Buffer | undefined> {
    if (!overflow) return value
    const { page, pages, bytes } = overflow
    this.#meet(page, pages)
    const wanted = readsValues ? bytes : 0
    const found = await this.#file.read(page, OVERFLOW_HEADER_BYTES + wanted)
    checkOverflow(found, page, pages, this.#meta)
    // Without its last bytes, the value would end behind the file.
    if ((page + pages) * LMDB_PAGE_BYTES > this.#file.bytes) throw new PageDamage(page, 'is cut short')
    return wanted > 0 ? found.subarray(OVERFLOW_HEADER_BYTES) : undefined
  }

  /** Pages that are free must not be in use: LMDB would write over them. They may lie behind the end of the file. */
  async #free(nodes: readonly LeafNode[], page: number): Promise<void> {
    // What is free is of no use to whoever gathers what there is.
    if (this.#options.onDamage) return
    for (const node of nodes) {
      const { transaction } = this.#meta
      if (node.isTree || node.key.length !== 8 || transactionOf(node.key) > transaction)
        throw new PageDamage(page, 'has an impossible record of free pages')
      for (const [first, pages] of decodeFreeRuns(await this.#freeList(node), page, this.#meta))
        this.#meet(first, pages)
    }
  }

  async #freeList({ value, overflow }: LeafNode): Promise<Buffer> {
    if (!overflow) return value ?? Buffer.alloc(0)
    const { page, pages, bytes } = overflow
    this.#meet(page, pages)
    const found = await this.#file.read(page, OVERFLOW_HEADER_BYTES + bytes)
    checkOverflow(found, page, pages, this.#meta)
    return found.subarray(OVERFLOW_HEADER_BYTES)
  }

  /** Notes that pages are in use, or free. @throws PageDamage where they were already */
  #meet(first: number, pages: number): void {
    for (let page = first; page < Math.min(first + pages, this.#met.length * 8); page++) {
      const bit = 1 << (page & 7)
      const byte = this.#met[page >>> 3] ?? 0
      if (byte & bit) throw new PageDamage(page, 'is used twice')
      this.#met[page >>> 3] = byte | bit
    }
    this.#pages += pages
    this.#lastMet = Math.max(this.#lastMet, first + pages - 1)
  }

  #put(error: unknown): void {
    if (!this.#options.onDamage || !(error instanceof PageDamage)) throw error
    this.#options.onDamage(error)
  }
}

function compareTransactions(a: Buffer, b: Buffer): number {
  return Math.sign(transactionOf(a) - transactionOf(b))
}

function transactionOf(key: Buffer): number {
  return key.length === 8 ? key.readUInt32LE(0) + key.readUInt32LE(4) * 2 ** 32 : Number.POSITIVE_INFINITY
}
