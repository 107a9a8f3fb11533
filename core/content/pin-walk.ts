import { setImmediate } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import { byteKey } from '../byte-key.ts'
import type { BlockSession } from '../services/blocks.ts'
import type { WantedBlock } from '../services/exchange.ts'
import type { BlockStore } from '../storage/storage.ts'
import type { Progress } from './content.ts'
import { tooDeep } from './directory-reader.ts'
import { MAX_BLOCK_BYTES } from './hashes.ts'
import { LinkCursor } from './link-cursor.ts'
import type { PinLedger } from './pin-ledger.ts'
import { nodeKey } from './pin-records.ts'
import { type DagLink, linksOf, MAX_DAG_DEPTH, mayHaveLinks } from './walk.ts'

/**
 * Blocks wanted or being stored at a time, some kilobytes each. While as many small ones wait for the disk, others are on
 * their way; and the more there are, the likelier it is that a peer has one that is rare. The bytes are bounded by the
 * memory budget.
 */
const MAX_VISITS = 1_024

/** Blocks without links that are asked for together. Where all are small they take no more memory than a large one. */
const MAX_LEAVES_TOGETHER = 64

/** Nodes with missing blocks that a walk remembers, so as not to go into them twice. */
const MAX_BROKEN_NODES = 65_536

/** Steps over held blocks before other work of the node gets its turn. */
const STEPS_PER_TURN = 1_024

export interface PinWalkOptions {
  readonly root: CID
  readonly signal: AbortSignal
  onProgress?(progress: Progress): void
}

export interface PinWalkDependencies {
  readonly ledger: PinLedger
  readonly store: BlockStore
  readonly session: BlockSession
  /** Told what the root links to, once it is here: refuses what can't fit. */
  checkFit(links: Iterable<DagLink>): Promise<void>
}

/** A node whose children are being visited. */
interface Frame {
  readonly cid: CID
  readonly key: string
  readonly depth: number
  /** Who waits for it: several where the DAG shares it. */
  readonly parents: Frame[]
  /** Children that aren't done, and 1 more while it still has some to visit. */
  open: number
  /** Something beneath is missing. */
  isBroken: boolean
  /** Has no links, and so nothing that a mark would save. */
  isLeaf: boolean
}

/** Where the visits of a frame's children have come to. */
interface Cursor {
  readonly frame: Frame
  readonly links: LinkCursor
}

/**
 * Makes a counted root whole: fetches what is missing, counts what it links to, and marks each node whose DAG is held.
 * What is marked is skipped, so that a shared tree costs nothing and a walk that was cut short goes on where it was.
 *
 * Depth first, with many visits at a time; memory is bounded by visits and depth. Once a block turned out unavailable
 * nothing more is fetched, but what is held is still counted, so that it stays.
 */
export class PinWalk {
  readonly #options: PinWalkOptions
  readonly #dependencies: PinWalkDependencies
  readonly #stack: Cursor[] = []
  /** Nodes that aren't done: one reached twice is walked once. */
  readonly #frames = new Map<string, Frame>()
  /** Marks being written, which can't be read yet. */
  readonly #marks = new Map<string, Promise<void>>()
  readonly #broken = new Set<string>()
  /** Blocks without links that are to be asked for next, and the node that waits for each. */
  #leaves = new Map<WantedBlock, Frame | undefined>()
  /** Aborted with the first failure. */
  readonly #fetching = new AbortController()
  readonly #progress: { bytes: number; blocks: number; totalBytes?: number } = { bytes: 0, blocks: 0 }
  #visits = 0
  /** Not even what is held is walked any more. */
  #isOver = false
  #wake: (() => void) | undefined

  constructor(options: PinWalkOptions, dependencies: PinWalkDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  /** @throws SkepError CONTENT_UNAVAILABLE, CONTENT_CORRUPT, STORAGE_FULL, DAG_INVALID; the reason of `signal` */
  async run(): Promise<void> {
    const { root, signal } = this.#options
    signal.throwIfAborted()
    const onAbort = (): void => this.#fail(signal.reason, { isOver: true })
    signal.addEventListener('abort', onAbort)
    try {
      this.#start({ cid: root }, undefined)
      for (let steps = 1; this.#visits > 0 || this.#stack.length > 0; steps++) {
        const isBusy = this.#visits + this.#marks.size >= MAX_VISITS || !this.#visitNext()
        if (isBusy && this.#leaves.size > 0) this.#ensureLeaves()
        else if (isBusy) await this.#nextEvent()
        else if (steps % STEPS_PER_TURN === 0) await setImmediate()
      }
      await Promise.all(this.#marks.values())
      this.#fetching.signal.throwIfAborted()
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
    // A root without links has no mark yet.
    await this.#dependencies.ledger.complete(root)
  }

  #nextEvent(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }

  /** Starts the next visit or ends a frame; false where there is nothing to do but wait. */
  #visitNext(): boolean {
    const cursor = this.#stack.at(-1)
    if (!cursor) return false
    const link = this.#isOver ? undefined : cursor.links.next()
    if (link) this.#start(link, cursor.frame)
    else {
      this.#stack.pop()
      if (this.#isOver) cursor.frame.isBroken = true
      this.#finish(cursor.frame)
    }
    return true
  }

  #start(link: DagLink, parent: Frame | undefined): void {
    if (mayHaveLinks(link.cid)) this.#startNode(link, parent)
    else this.#startLeaf(link, parent)
  }

  #startLeaf({ cid, totalBytes }: DagLink, parent: Frame | undefined): void {
    if (this.#fetching.signal.aborted) {
      const heldBytes = this.#dependencies.store.sizeOf(cid)
      if (heldBytes !== undefined) this.#count(heldBytes)
      else if (parent) parent.isBroken = true
      return
    }
    if (parent) parent.open += 1
    this.#visits += 1
    this.#leaves.set({ cid, sizeHint: hintOf(totalBytes) }, parent)
    if (this.#leaves.size === MAX_LEAVES_TOGETHER) this.#ensureLeaves()
  }

  #ensureLeaves(): void {
    const leaves = this.#leaves
    this.#leaves = new Map()
    const end = (leaf: WantedBlock, heldBytes: number | undefined): void => {
      const parent = leaves.get(leaf)
      if (!leaves.delete(leaf)) return
      this.#visits -= 1
      if (heldBytes !== undefined) this.#count(heldBytes)
      else if (parent) parent.isBroken = true
      if (parent) this.#finish(parent)
      this.#wake?.()
    }
    this.#dependencies.session
      .ensureAll([...leaves.keys()], { signal: this.#fetching.signal, onHeld: end })
      .catch(error => {
        this.#fail(error)
        for (const leaf of leaves.keys()) end(leaf, undefined)
      })
  }

  #startNode(link: DagLink, parent: Frame | undefined): void {
    const { cid } = link
    const key = byteKey(nodeKey(cid))
    if (this.#marks.has(key) || this.#dependencies.ledger.nodeOf(cid)?.isComplete) return
    if (this.#broken.has(key)) {
      if (parent) parent.isBroken = true
      return
    }
    if (parent) parent.open += 1
    const parents = parent ? [parent] : []
    const walked = this.#frames.get(key)
    if (walked) {
      walked.parents.push(...parents)
      return
    }
    const depth = parent ? parent.depth + 1 : 0
    const frame: Frame = { cid, key, depth, parents, open: 1, isBroken: false, isLeaf: false }
    this.#frames.set(key, frame)
    this.#visit(frame, () => this.#visitNode(link, frame))
  }

  /** Runs `visit` and then closes one of `frame`'s open ends, unless there are children to visit. */
  #visit(frame: Frame | undefined, visit: () => Promise<'done' | 'children'>): void {
    this.#visits += 1
    visit()
      .catch((error): 'done' => {
        this.#fail(error)
        if (frame) frame.isBroken = true
        return 'done'
      })
      .then(outcome => {
        this.#visits -= 1
        if (frame && outcome === 'done') this.#finish(frame)
        this.#wake?.()
      })
  }

  async #visitNode({ cid, totalBytes }: DagLink, frame: Frame): Promise<'done' | 'children'> {
    if (frame.depth > MAX_DAG_DEPTH) throw tooDeep(cid)
    const { ledger, store, session } = this.#dependencies
    const isExpanded = ledger.nodeOf(cid)?.isExpanded === true
    const heldBytes = isExpanded ? store.sizeOf(cid) : undefined
    if (heldBytes !== undefined) this.#count(heldBytes)
    else {
      const bytes = await session.get(cid, this.#readOptions(cid, totalBytes))
      this.#count(bytes.length)
      const links = linksOf(cid, bytes)
      frame.isLeaf = links.length === 0
      if (frame.isLeaf) return 'done'
      if (!isExpanded) await ledger.expand(cid, links)
    }
    if (frame.depth === 0) await this.#measure(cid)
    this.#stack.at(-1)?.links.rest()
    this.#stack.push({ frame, links: new LinkCursor(ledger, cid) })
    return 'children'
  }

  /** What is held is read even where nothing may be fetched any more. */
  #readOptions(cid: CID, totalBytes: number | undefined): { signal: AbortSignal; sizeHint?: number } {
    const isHeld = this.#dependencies.store.has(cid)
    if (!isHeld) this.#fetching.signal.throwIfAborted()
    const signal = isHeld ? this.#options.signal : this.#fetching.signal
    return { signal, sizeHint: hintOf(totalBytes) }
  }

  /** How much there is beneath the root, and whether it fits. */
  async #measure(root: CID): Promise<void> {
    const { ledger, checkFit } = this.#dependencies
    let totalBytes: number | undefined = this.#progress.bytes
    for (const link of ledger.linksOf(root)) {
      totalBytes =
        totalBytes === undefined || link.totalBytes === undefined ? undefined : totalBytes + link.totalBytes
    }
    this.#progress.totalBytes = totalBytes
    await checkFit(ledger.linksOf(root)).catch(error => {
      this.#isOver = true
      throw error
    })
  }

  #count(bytes: number): void {
    this.#progress.bytes += bytes
    this.#progress.blocks += 1
    this.#options.onProgress?.({ ...this.#progress })
  }

  #finish(frame: Frame): void {
    const done = [frame]
    for (let next = done.pop(); next; next = done.pop()) {
      next.open -= 1
      if (next.open > 0) continue
      this.#frames.delete(next.key)
      if (next.isBroken) {
        if (this.#broken.size < MAX_BROKEN_NODES) this.#broken.add(next.key)
        for (const parent of next.parents) parent.isBroken = true
      } else if (!next.isLeaf) this.#mark(next)
      done.push(...next.parents)
    }
  }

  #mark({ cid, key }: Frame): void {
    const mark = this.#dependencies.ledger
      .complete(cid)
      .catch(error => this.#fail(error))
      .finally(() => {
        this.#marks.delete(key)
        this.#wake?.()
      })
    this.#marks.set(key, mark)
  }

  #fail(error: unknown, { isOver = false } = {}): void {
    this.#isOver ||= isOver
    this.#fetching.abort(error)
    this.#wake?.()
  }
}

/** A node's link says how much is beneath it, too. */
function hintOf(totalBytes: number | undefined): number | undefined {
  return totalBytes === undefined ? undefined : Math.min(totalBytes, MAX_BLOCK_BYTES)
}
