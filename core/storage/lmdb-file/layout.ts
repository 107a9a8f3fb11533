import { LMDB_PAGE_BYTES } from '../lmdb-file.ts'

/**
 * How LMDB lays out its pages, as lmdb-js builds it for 64-bit machines that are little endian: `MDB_page_header`, `MDB_node`,
 * `MDB_db`, `MDB_meta` and `MDB_ovpage` in
 * https://github.com/kriszyp/lmdb-js/blob/v3.5.6/dependencies/lmdb/libraries/liblmdb/mdb.c
 *
 * Everything is judged as strictly as LMDB itself relies on it: it checks next to nothing, and crashes or never ends instead.
 */

const PAGE_HEADER_BYTES = 24
const NODE_HEADER_BYTES = 8
const POINTER_BYTES = 2
const TREE_BYTES = 48
const OVERFLOW_BYTES = 24
/** What a page has beside its header: pointers to nodes from its begin, nodes from its end. */
const PAGE_ROOM_BYTES = LMDB_PAGE_BYTES - PAGE_HEADER_BYTES

const PAGE_KIND = { branch: 1, leaf: 2, overflow: 4, meta: 8 } as const
const NODE_KIND = { plain: 0, overflow: 1, tree: 2 } as const

const AT = { number: 0, transaction: 8, pad: 16, kind: 18, lower: 20, upper: 22, overflowPages: 20 }
const META_AT = { magic: 24, version: 28, mapBytes: 40, free: 48, main: 96, lastPage: 144, transaction: 152 }
const MAGIC = 0xbeefc0de
const DATA_VERSION = 2
/** What a 64-bit process can address. */
const MAX_MAP_BYTES = 2 ** 47
const META_PAGES = 2
/** Depth of LMDB's cursors. */
const MAX_DEPTH = 32
/** `MDB_INTEGERKEY`: the free list is ordered by the number of a transaction. */
const INTEGER_KEYS = 0x08

/** What is wrong with a page, in words for whoever reads the log. */
export class PageDamage extends Error {
  readonly page: number

  constructor(page: number, what: string) {
    super(`page ${page} ${what}`)
    this.name = 'PageDamage'
    this.page = page
  }

  /** What is newest in the file can't be told. */
  get isOfMeta(): boolean {
    return this.page < META_PAGES
  }
}

/** What LMDB notes of each tree: `MDB_db`. */
export interface Tree {
  readonly depth: number
  readonly branchPages: number
  readonly leafPages: number
  readonly overflowPages: number
  readonly entries: number
  /** Undefined: it is empty. */
  readonly root: number | undefined
}

export interface Meta {
  /** 0 or 1: its page. */
  readonly number: number
  /** The tree of free pages, by the transaction that freed them. */
  readonly free: Tree
  /** The tree of tables, by their names. */
  readonly main: Tree
  readonly lastPage: number
  readonly transaction: number
}

/** Bounds of what a page may say. */
export interface PageBounds {
  readonly lastPage: number
  /** No page is younger than that. */
  readonly transaction: number
}

export interface BranchNode {
  /** Of no meaning in the first node of a page. */
  readonly key: Buffer
  readonly child: number
}

export interface LeafNode {
  readonly key: Buffer
  /** The value where it lies in the page. */
  readonly value?: Buffer
  /** Where it lies otherwise. */
  readonly overflow?: { readonly page: number; readonly pages: number; readonly bytes: number }
  /** The value is a tree of its own: a table. */
  readonly isTree: boolean
}

export type TreePage =
  | { readonly kind: 'branch'; readonly nodes: readonly BranchNode[] }
  | { readonly kind: 'leaf'; readonly nodes: readonly LeafNode[] }

/** The meta page `number`, 0 or 1. @throws PageDamage */
export function decodeMeta(page: Buffer, number: number): Meta {
  const damaged = (what: string): PageDamage => new PageDamage(number, what)
  if (page.length < LMDB_PAGE_BYTES) throw damaged('is beyond the end of the file')
  if (page.readUInt32LE(META_AT.magic) !== MAGIC) throw damaged('is none of an LMDB file')
  if (page.readUInt32LE(META_AT.version) !== DATA_VERSION) throw damaged('has an unknown data format')
  if (page.readUInt16LE(AT.kind) !== PAGE_KIND.meta) throw damaged('is no meta page')
  if (numberAt(page, AT.number) !== number) throw damaged('has another number')
  const mapBytes = numberAt(page, META_AT.mapBytes)
  if (mapBytes > MAX_MAP_BYTES || mapBytes % LMDB_PAGE_BYTES !== 0) throw damaged(`maps ${mapBytes} bytes`)
  const lastPage = numberAt(page, META_AT.lastPage)
  const transaction = numberAt(page, META_AT.transaction)
  if (!Number.isSafeInteger(transaction)) throw damaged('has an impossible transaction')
  if (lastPage < META_PAGES - 1 || lastPage > MAX_MAP_BYTES / LMDB_PAGE_BYTES)
    throw damaged('has an impossible last page')
  const bounds = { lastPage, transaction }
  const free = decodeTree(page, META_AT.free, number, bounds, { pad: LMDB_PAGE_BYTES, flags: INTEGER_KEYS })
  const main = decodeTree(page, META_AT.main, number, bounds)
  return { number, free, main, lastPage, transaction }
}

/** The tree that a node of the tree of tables has as its value. @throws PageDamage */
export function decodeTable(value: Buffer | undefined, page: number, bounds: PageBounds): Tree {
  if (value?.length !== TREE_BYTES) throw new PageDamage(page, 'has a table of another size')
  return decodeTree(value, 0, page, bounds)
}

function decodeTree(
  bytes: Buffer,
  at: number,
  page: number,
  bounds: PageBounds,
  { pad, flags } = { pad: 0, flags: 0 },
): Tree {
  if (bytes.readUInt32LE(at) !== pad || bytes.readUInt16LE(at + 4) !== flags)
    throw new PageDamage(page, 'has a tree of an unknown kind')
  const depth = bytes.readUInt16LE(at + 6)
  const isEmpty = bytes.readBigUInt64LE(at + 40) === 0xffff_ffff_ffff_ffffn
  const root = numberAt(bytes, at + 40)
  const tree = {
    depth,
    branchPages: numberAt(bytes, at + 8),
    leafPages: numberAt(bytes, at + 16),
    overflowPages: numberAt(bytes, at + 24),
    entries: numberAt(bytes, at + 32),
    root: isEmpty ? undefined : root,
  }
  if (isEmpty && (depth > 0 || tree.entries > 0)) throw new PageDamage(page, 'has a tree without a root')
  if (!isEmpty && (depth < 1 || depth > MAX_DEPTH || !isDataPage(root, bounds)))
    throw new PageDamage(page, 'has a tree with an impossible root')
  return tree
}

function isDataPage(number: number, { lastPage }: PageBounds): boolean {
  return number >= META_PAGES && number <= lastPage
}

/**
 * A page of a tree.
 * @param onDamage hears of a node that is none and left out then; where it isn't given, such a one is damage of the page
 * @throws PageDamage
 */
export function decodePage(
  page: Buffer,
  number: number,
  bounds: PageBounds,
  onDamage?: (damage: PageDamage) => void,
): TreePage {
  const damaged = (what: string): PageDamage => new PageDamage(number, what)
  const kind = page.length < LMDB_PAGE_BYTES ? 0 : page.readUInt16LE(AT.kind)
  if (kind !== PAGE_KIND.branch && kind !== PAGE_KIND.leaf) throw damaged('is no page of a tree')
  checkHeader(page, number, bounds, onDamage)
  const lower = page.readUInt16LE(AT.lower)
  const upper = page.readUInt16LE(AT.upper)
  if (
    lower % POINTER_BYTES !== 0 ||
    lower > upper ||
    upper > PAGE_ROOM_BYTES ||
    page.readUInt16LE(AT.pad) !== 0
  )
    throw damaged('has impossible bounds')
  const count = lower / POINTER_BYTES
  if (count === 0) throw damaged('is empty')
  const branches: BranchNode[] = []
  const leaves: LeafNode[] = []
  const spans: number[] = []
  for (let i = 0; i < count; i++) {
    const at = page.readUInt16LE(PAGE_HEADER_BYTES + i * POINTER_BYTES)
    try {
      const bytes =
        at < upper || at % 2 !== 0 || at + NODE_HEADER_BYTES > PAGE_ROOM_BYTES
          ? undefined
          : kind === PAGE_KIND.branch
            ? readBranch(page, PAGE_HEADER_BYTES + at, branches, bounds)
            : readLeaf(page, PAGE_HEADER_BYTES + at, leaves, bounds)
      if (bytes === undefined) throw damaged(`has node ${i} out of bounds`)
      spans.push(at * LMDB_PAGE_BYTES + bytes)
    } catch (error) {
      if (!onDamage || !(error instanceof PageDamage)) throw error
      onDamage(error)
    }
  }
  if (!onDamage && !isPacked(spans, upper)) throw damaged('has nodes that overlap')
  return kind === PAGE_KIND.branch ? { kind: 'branch', nodes: branches } : { kind: 'leaf', nodes: leaves }
}

function checkHeader(
  page: Buffer,
  number: number,
  { transaction }: PageBounds,
  onDamage?: (damage: PageDamage) => void,
): void {
  if (numberAt(page, AT.number) !== number) throw new PageDamage(number, 'has another number')
  if (numberAt(page, AT.transaction) <= transaction) return
  // LMDB takes a page that seems younger than its transaction for its own, and writes to it. What it has may well be right.
  const damage = new PageDamage(number, 'is of a later transaction')
  if (!onDamage) throw damage
  onDamage(damage)
}

/** Bytes that the node takes, undefined where it is none. */
function readBranch(page: Buffer, at: number, into: BranchNode[], bounds: PageBounds): number | undefined {
  const keyBytes = page.readUInt16LE(at + 6)
  const end = at + NODE_HEADER_BYTES + keyBytes
  const child = page.readUInt32LE(at) + page.readUInt16LE(at + 4) * 2 ** 32
  if (end > LMDB_PAGE_BYTES || !isDataPage(child, bounds)) return undefined
  into.push({ key: page.subarray(at + NODE_HEADER_BYTES, end), child })
  return evenly(end - at)
}

function readLeaf(page: Buffer, at: number, into: LeafNode[], bounds: PageBounds): number | undefined {
  const bytes = page.readUInt32LE(at)
  const kind = page.readUInt16LE(at + 4)
  const value = at + NODE_HEADER_BYTES + page.readUInt16LE(at + 6)
  const end = value + (kind === NODE_KIND.overflow ? OVERFLOW_BYTES : bytes)
  if (end > LMDB_PAGE_BYTES) return undefined
  const key = page.subarray(at + NODE_HEADER_BYTES, value)
  if (key.length === 0) return undefined
  if (kind === NODE_KIND.overflow) {
    const first = numberAt(page, value)
    const pages = numberAt(page, value + 16)
    const isThere = isDataPage(first, bounds) && isDataPage(first + pages - 1, bounds)
    if (!isThere || pages < pagesOf(bytes)) return undefined
    into.push({ key, overflow: { page: first, pages, bytes }, isTree: false })
  } else if (kind === NODE_KIND.plain || kind === NODE_KIND.tree) {
    into.push({ key, value: page.subarray(value, end), isTree: kind === NODE_KIND.tree })
  } else return undefined
  return evenly(end - at)
}

/** Values that lie outside of the tree follow the header of the first of their pages. */
export const OVERFLOW_HEADER_BYTES = PAGE_HEADER_BYTES

/** Checks the first of `pages` pages of a value by its first bytes. @throws PageDamage */
export function checkOverflow(header: Buffer, number: number, pages: number, bounds: PageBounds): void {
  if (header.length < PAGE_HEADER_BYTES) throw new PageDamage(number, 'is beyond the end of the file')
  if (header.readUInt16LE(AT.kind) !== PAGE_KIND.overflow)
    throw new PageDamage(number, 'is no page of a value')
  checkHeader(header, number, bounds)
  if (header.readUInt32LE(AT.overflowPages) !== pages)
    throw new PageDamage(number, 'has a value of another size')
}

/**
 * Runs of pages that a record of the free list has: its length, then each page, or minus a number and the first of so many
 * pages; zeros are gaps. @throws PageDamage
 */
export function decodeFreeRuns(
  value: Buffer,
  page: number,
  bounds: PageBounds,
): [first: number, pages: number][] {
  const runs: [number, number][] = []
  const length = value.length < 8 ? Number.NaN : numberAt(value, 0)
  if (!((length + 1) * 8 <= value.length)) throw new PageDamage(page, 'has a free list that is cut short')
  for (let i = 1; i <= length; i++) {
    const entry = Number(value.readBigInt64LE(i * 8))
    if (entry === 0) continue
    const pages = entry < 0 ? -entry : 1
    const first = entry < 0 ? (i < length ? Number(value.readBigInt64LE(++i * 8)) : 0) : entry
    // What LMDB has begun to use of a run is gone from both of its numbers.
    if (first === 0) continue
    if (!isDataPage(first, bounds) || !isDataPage(first + pages - 1, bounds))
      throw new PageDamage(page, `frees pages that there aren't: ${pages} from ${first} on`)
    runs.push([first, pages])
  }
  return runs
}

function pagesOf(valueBytes: number): number {
  return Math.ceil((PAGE_HEADER_BYTES + valueBytes) / LMDB_PAGE_BYTES)
}

/** True where nodes lie one behind the other from `upper` to the end of the page. */
function isPacked(spans: readonly number[], upper: number): boolean {
  let next = upper
  for (const span of Uint32Array.from(spans).sort()) {
    if (Math.floor(span / LMDB_PAGE_BYTES) !== next) return false
    next += span % LMDB_PAGE_BYTES
  }
  return next === PAGE_ROOM_BYTES
}

/** Nodes begin at even places. */
function evenly(bytes: number): number {
  return bytes + (bytes % 2)
}

/** Exact below 2^53; larger ones are larger than anything there is. */
function numberAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32
}
