import type { CID } from 'multiformats/cid'
import type { MemoryBudget } from '../resources/byte-budget.ts'
import type { BlockSession, EnsureAllOptions, GetOptions } from '../services/blocks.ts'
import type { WantedBlock } from '../services/exchange.ts'
import type { BlockStore } from '../storage/storage.ts'
import { keyOf } from './arrivals.ts'
import { MAX_BLOCK_BYTES } from './hashes.ts'
import { blockHint } from './unixfs-node.ts'
import { type DagLink, linksOf, mayHaveLinks } from './walk.ts'

/** Blocks on their way at a time: small files fill a link of 100 Mbit/s and 50 ms round trip. Memory bounds large ones. */
const MAX_FETCHES = 256

/** What may be fetched and not yet read. A reader that stops has cost its peers no more. */
const MAX_BLOCKS_AHEAD = 1_024
const MAX_BYTES_AHEAD = 16 * 1024 * 1024

/** Links kept, some 200 bytes each. Those beyond are dropped: the reader fetches them itself when it comes there. */
const MAX_LINKS_KEPT = 32_768

export interface PrefetchingSessionDependencies {
  /** Disposed of with this one. */
  readonly session: BlockSession
  readonly store: BlockStore
  readonly memory: MemoryBudget
}

/** A link that comes next, or the place of a node whose own links do. */
interface Place {
  readonly link: DagLink
  isAsked: boolean
  next: Place | undefined
}

/**
 * A session of somebody who reads a whole tree, depth first. It has the blocks fetched in that very order, many at a time
 * and across directories, so that a tree of small files takes no round trip for each of them.
 *
 * It only stores what it fetches, and fetches nothing while half of the memory budget is taken: readers come first. A block
 * that it can't get is the reader's to complain of.
 */
export class PrefetchingSession implements BlockSession {
  readonly #dependencies: PrefetchingSessionDependencies
  readonly #closed = new AbortController()
  readonly #fetches = new Set<Promise<void>>()
  /** Bytes of what was asked for and not read yet, by multihash. */
  readonly #ahead = new Map<string, number>()
  #aheadBytes = 0
  #first: Place | undefined
  #kept = 0

  constructor(dependencies: PrefetchingSessionDependencies) {
    this.#dependencies = dependencies
  }

  /** Fetches from now on what is behind `links`, and beneath. */
  prefetch(links: Iterable<DagLink>): void {
    this.#first = this.#keep(links, undefined)
    this.#fill()
  }

  async get(cid: CID, options?: GetOptions): Promise<Uint8Array> {
    const bytes = await this.#dependencies.session.get(cid, options)
    this.#passed(cid)
    return bytes
  }

  async ensure(cid: CID, options?: GetOptions): Promise<number> {
    const bytes = await this.#dependencies.session.ensure(cid, options)
    this.#passed(cid)
    return bytes
  }

  ensureAll(wanted: readonly WantedBlock[], { onHeld, ...options }: EnsureAllOptions): Promise<void> {
    return this.#dependencies.session.ensureAll(wanted, {
      ...options,
      onHeld: (block, bytes) => {
        onHeld(block, bytes)
        this.#passed(block.cid)
      },
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error('the reader is done'))
    await Promise.all(this.#fetches)
    await this.#dependencies.session[Symbol.asyncDispose]()
  }

  #passed(cid: CID): void {
    const key = keyOf(cid)
    this.#aheadBytes -= this.#ahead.get(key) ?? 0
    this.#ahead.delete(key)
    this.#fill()
  }

  #fill(): void {
    let before: Place | undefined
    for (let place = this.#first; place && this.#hasRoom; ) {
      const { next } = place
      if (place.isAsked) before = place
      else if (this.#ask(place)) before = place
      else this.#remove(place, before)
      place = next
    }
  }

  get #hasRoom(): boolean {
    const { memory } = this.#dependencies
    return (
      !this.#closed.signal.aborted &&
      this.#fetches.size < MAX_FETCHES &&
      this.#ahead.size < MAX_BLOCKS_AHEAD &&
      this.#aheadBytes < MAX_BYTES_AHEAD &&
      memory.usedBytes < memory.limitBytes / 2
    )
  }

  /** True where the place is still needed: its links will take it. */
  #ask(place: Place): boolean {
    const { cid } = place.link
    const isNode = mayHaveLinks(cid)
    const key = keyOf(cid)
    if (this.#ahead.has(key) || (!isNode && this.#dependencies.store.has(cid))) return false
    const bytes = blockHint(place.link) ?? MAX_BLOCK_BYTES
    this.#ahead.set(key, bytes)
    this.#aheadBytes += bytes
    place.isAsked = true
    const fetch = (isNode ? this.#expand(place) : this.#fetch(place.link))
      .catch(() => undefined)
      .finally(() => {
        this.#fetches.delete(fetch)
        this.#fill()
      })
    this.#fetches.add(fetch)
    return isNode
  }

  async #fetch({ cid, ...link }: DagLink): Promise<void> {
    const { session } = this.#dependencies
    await session.ensure(cid, { signal: this.#closed.signal, sizeHint: blockHint(link) })
  }

  async #expand(place: Place): Promise<void> {
    const { cid } = place.link
    let links: DagLink[] = []
    try {
      const block = await this.#dependencies.session.get(cid, {
        signal: this.#closed.signal,
        sizeHint: blockHint(place.link),
      })
      this.#weigh(cid, block.length)
      links = linksOf(cid, block)
    } finally {
      place.next = this.#keep(links, place.next)
      this.#removeAnywhere(place)
    }
  }

  /** A node's link says how much is beneath it, too. */
  #weigh(cid: CID, bytes: number): void {
    const key = keyOf(cid)
    const before = this.#ahead.get(key)
    if (before === undefined) return
    this.#ahead.set(key, bytes)
    this.#aheadBytes += bytes - before
  }

  /** `links` as places, in order, with `next` behind them. */
  #keep(links: Iterable<DagLink>, next: Place | undefined): Place | undefined {
    let first = next
    let last: Place | undefined
    for (const link of links) {
      if (this.#kept >= MAX_LINKS_KEPT) break
      this.#kept += 1
      const place: Place = { link, isAsked: false, next }
      if (last) last.next = place
      else first = place
      last = place
    }
    return first
  }

  #removeAnywhere(place: Place): void {
    let before: Place | undefined
    for (let at = this.#first; at && at !== place; at = at.next) before = at
    this.#remove(place, before)
  }

  #remove(place: Place, before: Place | undefined): void {
    if (before) before.next = place.next
    else this.#first = place.next
    this.#kept -= 1
  }
}
