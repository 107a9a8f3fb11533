import type { CID } from 'multiformats/cid'
import { isSkepError, messageOf } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { MemoryBudget } from '../resources/byte-budget.ts'
import type { BlockSession, Blocks, EnsureAllOptions, GetOptions } from '../services/blocks.ts'
import type { Exchange, WantedBlock } from '../services/exchange.ts'
import { SharedTask } from '../shared-task.ts'
import { isInline } from '../storage/size-classes.ts'
import type { BlockStore } from '../storage/storage.ts'
import { untilAborted } from '../until-aborted.ts'
import { Arrivals, keyOf } from './arrivals.ts'
import { type DownloadDependencies, download, downloadTogether, type SmallBlock } from './block-download.ts'
import { type Line, NodeBlockSession } from './block-session.ts'
import { contentError } from './errors.ts'
import { isHashAllowed } from './hashes.ts'

export interface BlocksDependencies {
  readonly storage: BlockStore
  readonly memory: MemoryBudget
  readonly log: Logger
}

export function createBlocks(dependencies: BlocksDependencies): Blocks {
  return new NodeBlocks(dependencies)
}

class NodeBlocks implements Blocks {
  readonly #storage: BlockStore
  readonly #downloads: DownloadDependencies
  readonly #log: Logger
  /** Fetches under way, by multihash: as many as callers wait for. */
  readonly #fetches = new Map<string, Fetch>()
  readonly #arrivals = new Arrivals()
  #exchange: Exchange | undefined

  constructor({ storage, memory, log }: BlocksDependencies) {
    this.#storage = storage
    this.#downloads = { storage, memory }
    this.#log = log
  }

  has(cid: CID): boolean {
    return this.#storage.has(cid)
  }

  session(root: CID): BlockSession {
    return new NodeBlockSession(root, {
      exchange: () => this.#exchange,
      get: (cid, options, line) => this.#get(cid, options, line),
      ensure: (cid, options, line) => this.#ensure(cid, options, line),
      ensureAll: (wanted, options, line) => this.#ensureAll(wanted, options, line),
    })
  }

  attachExchange(exchange: Exchange): () => void {
    if (this.#exchange) throw new Error('an exchange is attached already: detach it first')
    this.#exchange = exchange
    return () => {
      if (this.#exchange === exchange) this.#exchange = undefined
    }
  }

  async #get(cid: CID, options: GetOptions, line: Line): Promise<Uint8Array> {
    options.signal?.throwIfAborted()
    const damage = this.#storage.has(cid) ? await this.#read(cid, options) : undefined
    if (damage instanceof Uint8Array) return damage
    try {
      return await this.#fetch(cid, options, line)
    } catch (error) {
      if (!damage || !isSkepError(error, 'CONTENT_UNAVAILABLE')) throw error
      const message = `block ${cid} is damaged here, and ${messageOf(error)}`
      throw contentError('CONTENT_CORRUPT', message, { cause: damage })
    }
  }

  async #ensure(cid: CID, options: GetOptions, line: Line): Promise<number> {
    options.signal?.throwIfAborted()
    const heldBytes = this.#storage.sizeOf(cid)
    if (heldBytes !== undefined) return heldBytes
    const signal = line.until(options.signal)
    const arrival = this.#arrivals.over(cid)
    if (arrival) {
      await untilAborted(arrival, signal)
      return this.#ensure(cid, options, line)
    }
    await this.#fetchOf(cid, options, line).task.join(signal)
    return this.#storage.sizeOf(cid) ?? (await this.#get(cid, options, line)).length
  }

  async #ensureAll(wanted: readonly WantedBlock[], options: EnsureAllOptions, line: Line): Promise<void> {
    options.signal?.throwIfAborted()
    const ensures: Promise<void>[] = []
    const small: SmallBlock[] = []
    for (const block of wanted) {
      const heldBytes = this.#storage.sizeOf(block.cid)
      if (heldBytes !== undefined) options.onHeld(block, heldBytes)
      else if (isSmall(block) && this.#claims(block.cid)) small.push(block)
      else ensures.push(this.#ensureOne(block, options, line))
    }
    if (small.length > 0) ensures.push(this.#ensureTogether(small, options, line))
    await Promise.all(ensures)
  }

  async #ensureOne(block: WantedBlock, { signal, onHeld }: EnsureAllOptions, line: Line): Promise<void> {
    onHeld(block, await this.#ensure(block.cid, { signal, sizeHint: block.sizeHint }, line))
  }

  async #ensureTogether(
    wanted: readonly SmallBlock[],
    { signal, onHeld }: EnsureAllOptions,
    line: Line,
  ): Promise<void> {
    const until = line.until(signal)
    const missing = new Set<WantedBlock>(wanted)
    const arrive = (block: WantedBlock, bytes: number): void => {
      missing.delete(block)
      this.#arrivals.end(block.cid)
      onHeld(block, bytes)
    }
    const options = { signal: until, onHeld: arrive }
    const [{ cid }] = wanted as [SmallBlock]
    const fetched = line
      .through(cid, session => downloadTogether(session, wanted, options, this.#downloads))
      .finally(() => {
        for (const { cid } of missing) this.#arrivals.end(cid)
      })
    try {
      await untilAborted(fetched, until)
    } catch (error) {
      if (!isSkepError(error, 'BLOCK_OVER_HINT')) throw error
      // A parent claimed too little for one of them, which ended the fetch of all.
      await Promise.all(Array.from(missing, block => this.#ensureOne(block, { signal, onHeld }, line)))
    }
  }

  /** True where a batch may have it: nobody else fetches it. */
  #claims(cid: CID): boolean {
    return isHashAllowed(cid) && !this.#fetches.has(keyOf(cid)) && this.#arrivals.begin(cid)
  }

  /** The held block, or why it can't be used, or undefined where it is gone. */
  async #read(cid: CID, options: GetOptions): Promise<Uint8Array | Error | undefined> {
    try {
      return await this.#storage.get(cid, { signal: options.signal })
    } catch (error) {
      if (isSkepError(error, 'BLOCK_NOT_FOUND')) return undefined
      if (!isSkepError(error, 'BLOCK_CORRUPT')) throw error
      this.#log.warn({ cid: cid.toString(), err: error }, 'a block is damaged here: fetching a good copy')
      return error
    }
  }

  async #fetch(cid: CID, options: GetOptions, line: Line): Promise<Uint8Array> {
    const signal = line.until(options.signal)
    const arrival = this.#arrivals.over(cid)
    if (arrival) {
      await untilAborted(arrival, signal)
      return this.#get(cid, options, line)
    }
    const fetch = this.#fetchOf(cid, options, line)
    fetch.isRead = true
    const block = await fetch.task.join(signal)
    return fetch.isGiven ? this.#get(cid, options, line) : block
  }

  /** The fetch of `cid` that is under way, or a new one. */
  #fetchOf(cid: CID, { sizeHint }: GetOptions, line: Line): Fetch {
    if (!isHashAllowed(cid)) {
      const code = cid.multihash.code.toString(16)
      throw contentError('CID_INVALID', `${cid} uses hash function 0x${code}, which isn't accepted`)
    }
    const key = keyOf(cid)
    const underWay = this.#fetches.get(key)
    if (underWay) return underWay
    // Once it is on its way out a later get starts anew.
    const end = (): void => {
      if (this.#fetches.get(key) === fetch) this.#fetches.delete(key)
    }
    const task = new SharedTask(async signal => {
      const anyOrder = (): boolean => !fetch.isRead
      const give = (): boolean => {
        fetch.isGiven = !fetch.isRead
        return fetch.isGiven
      }
      const options = { signal, sizeHint, anyOrder, give }
      const block = await line.through(cid, session => download(session, cid, options, this.#downloads))
      end()
      return block
    })
    task.onOver(end)
    const fetch: Fetch = { task, isRead: false, isGiven: false }
    this.#fetches.set(key, fetch)
    return fetch
  }
}

interface Fetch {
  readonly task: SharedTask<Uint8Array>
  /** Somebody waits for the bytes, not only for the block to be held. */
  isRead: boolean
  /** The bytes went to the store: who comes to read them now finds them there. */
  isGiven: boolean
}

/** Its parent says that it lies in the index: such a block costs more by itself than its bytes do. */
function isSmall(block: WantedBlock): block is SmallBlock {
  return block.sizeHint !== undefined && isInline(block.sizeHint)
}
