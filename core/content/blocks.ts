import type { CID } from 'multiformats/cid'
import { isSkepError, messageOf } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { discard } from '../owned-bytes.ts'
import type { Lease, MemoryBudget } from '../resources/byte-budget.ts'
import type { BlockSession, Blocks } from '../services/blocks.ts'
import type { Exchange, ExchangeSession, FetchOptions } from '../services/exchange.ts'
import { SharedTask } from '../shared-task.ts'
import type { BlockStore, Reservation, WaitOptions } from '../storage/storage.ts'
import { contentError } from './errors.ts'
import { isHashAllowed, MAX_BLOCK_BYTES } from './hashes.ts'

export interface BlocksDependencies {
  readonly storage: BlockStore
  readonly memory: MemoryBudget
  readonly log: Logger
}

type GetOptions = WaitOptions & { readonly sizeHint?: number }

export function createBlocks(dependencies: BlocksDependencies): Blocks {
  return new NodeBlocks(dependencies)
}

class NodeBlocks implements Blocks {
  readonly #storage: BlockStore
  readonly #memory: MemoryBudget
  readonly #log: Logger
  /** Fetches under way, by multihash: as many as callers wait for. */
  readonly #fetches = new Map<string, Fetch>()
  #exchange: Exchange | undefined

  constructor({ storage, memory, log }: BlocksDependencies) {
    this.#storage = storage
    this.#memory = memory
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
    const { task } = this.#fetchOf(cid, options, line)
    await task.join(line.until(options.signal))
    return this.#storage.sizeOf(cid) ?? (await this.#get(cid, options, line)).length
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
    const fetch = this.#fetchOf(cid, options, line)
    fetch.isRead = true
    const block = await fetch.task.join(line.until(options.signal))
    return fetch.isGiven ? this.#get(cid, options, line) : block
  }

  /** The fetch of `cid` that is under way, or a new one. */
  #fetchOf(cid: CID, { sizeHint }: GetOptions, line: Line): Fetch {
    if (!isHashAllowed(cid)) {
      const code = cid.multihash.code.toString(16)
      throw contentError('CID_INVALID', `${cid} uses hash function 0x${code}, which isn't accepted`)
    }
    const key = Buffer.from(cid.multihash.bytes).toString('latin1')
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
      const block = await this.#download(cid, { signal, sizeHint, anyOrder, give }, line)
      end()
      return block
    })
    task.onOver(end)
    const fetch: Fetch = { task, isRead: false, isGiven: false }
    this.#fetches.set(key, fetch)
    return fetch
  }

  async #download(cid: CID, options: DownloadOptions, line: Line): Promise<Uint8Array> {
    const connection = line.connect(cid)
    const { session } = connection
    try {
      return await this.#downloadOn(session, cid, options).catch(error => {
        if (options.sizeHint === undefined || !isSkepError(error, 'BLOCK_OVER_HINT')) throw error
        // Its parent claimed too little, and only so much was leased.
        return this.#downloadOn(session, cid, { ...options, sizeHint: undefined })
      })
    } catch (error) {
      if (!isSkepError(error, 'BLOCK_UNAVAILABLE')) throw error
      throw contentError('CONTENT_UNAVAILABLE', error.message, { cause: error })
    } finally {
      await connection.release()
    }
  }

  async #downloadOn(session: ExchangeSession, cid: CID, options: DownloadOptions): Promise<Uint8Array> {
    const bytes = Math.min(options.sizeHint ?? MAX_BLOCK_BYTES, MAX_BLOCK_BYTES)
    using room = new Room({ bytes, signal: options.signal }, { memory: this.#memory, storage: this.#storage })
    const { signal, sizeHint, anyOrder } = options
    const block = await session.fetch(cid, { signal, sizeHint, anyOrder, makeRoom: () => room.take() })
    const given = options.give()
    await this.#storage.put(cid, block, { reservation: room.reservation, given })
    if (given) discard(block)
    return block
  }
}

/** Memory and disk for one block that is to come. */
class Room implements Disposable {
  readonly #options: { readonly bytes: number; readonly signal?: AbortSignal }
  readonly #dependencies: Pick<BlocksDependencies, 'memory' | 'storage'>
  readonly #held: (Lease | Reservation)[] = []
  #reservation: Reservation | undefined
  #isOver = false

  constructor(
    options: { readonly bytes: number; readonly signal?: AbortSignal },
    dependencies: Pick<BlocksDependencies, 'memory' | 'storage'>,
  ) {
    this.#options = options
    this.#dependencies = dependencies
  }

  get reservation(): Reservation | undefined {
    return this.#reservation
  }

  async take(): Promise<() => void> {
    const { bytes, signal } = this.#options
    const { memory, storage } = this.#dependencies
    this.#hold(await memory.lease(bytes, { signal }))
    if (!this.#isOver) this.#reservation = this.#hold(await storage.reserve(bytes, { signal }))
    return () => this.#giveBack()
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    this.#giveBack()
  }

  #giveBack(): void {
    this.#reservation = undefined
    for (const held of this.#held.splice(0)) held.release()
  }

  /** What comes when the room is given back already goes back at once. */
  #hold<T extends Lease | Reservation>(held: T): T {
    if (this.#isOver) held.release()
    else this.#held.push(held)
    return held
  }
}

interface DownloadOptions extends Pick<FetchOptions, 'signal' | 'sizeHint' | 'anyOrder'> {
  /** True where the block's bytes are the store's: nobody has asked to read them so far. */
  give(): boolean
}

interface Fetch {
  readonly task: SharedTask<Uint8Array>
  /** Somebody waits for the bytes, not only for the block to be held. */
  isRead: boolean
  /** The bytes went to the store: who comes to read them now finds them there. */
  isGiven: boolean
}

/** A session's way to other peers. */
interface Line {
  /** Aborted when the session is, and with `signal`. */
  until(signal: AbortSignal | undefined): AbortSignal
  /** For one fetch. @throws SkepError CONTENT_UNAVAILABLE where no exchange is attached */
  connect(cid: CID): { readonly session: ExchangeSession; release(): Promise<void> }
}

interface SessionDependencies {
  exchange(): Exchange | undefined
  get(cid: CID, options: GetOptions, line: Line): Promise<Uint8Array>
  ensure(cid: CID, options: GetOptions, line: Line): Promise<number>
}

/** An exchange session opened on the first block that isn't here, and kept while fetches run on it. */
class NodeBlockSession implements BlockSession {
  readonly #root: CID
  readonly #dependencies: SessionDependencies
  readonly #closed = new AbortController()
  readonly #line: Line = { until: signal => this.#until(signal), connect: cid => this.#connect(cid) }
  /** The signal that was joined with the session's own last: thousands of fetches come with the same one. */
  #joined: { readonly signal: AbortSignal; readonly both: AbortSignal } | undefined
  #link: { readonly exchange: Exchange; readonly session: ExchangeSession; fetches: number } | undefined

  constructor(root: CID, dependencies: SessionDependencies) {
    this.#root = root
    this.#dependencies = dependencies
  }

  async get(cid: CID, options: GetOptions = {}): Promise<Uint8Array> {
    return this.#dependencies.get(cid, options, this.#open())
  }

  async ensure(cid: CID, options: GetOptions = {}): Promise<number> {
    return this.#dependencies.ensure(cid, options, this.#open())
  }

  #open(): Line {
    this.#closed.signal.throwIfAborted()
    return this.#line
  }

  #until(signal: AbortSignal | undefined): AbortSignal {
    const { signal: closed } = this.#closed
    if (!signal) return closed
    if (this.#joined?.signal !== signal) this.#joined = { signal, both: AbortSignal.any([signal, closed]) }
    return this.#joined.both
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed.signal.aborted) return
    this.#closed.abort(new Error(`the block session of ${this.#root} is closed`))
    // A fetch that another session waits for, too, ends first.
    if (this.#link?.fetches === 0) await this.#link.session[Symbol.asyncDispose]()
  }

  #connect(cid: CID): ReturnType<Line['connect']> {
    const exchange = this.#dependencies.exchange()
    if (!exchange) {
      throw contentError('CONTENT_UNAVAILABLE', `block ${cid} isn't here and no exchange runs that could ask`)
    }
    const before = this.#link
    const link =
      before?.exchange === exchange ? before : { exchange, session: exchange.session(this.#root), fetches: 0 }
    this.#link = link
    link.fetches += 1
    return {
      session: link.session,
      release: async () => {
        link.fetches -= 1
        const isOver = this.#closed.signal.aborted || this.#link !== link
        if (isOver && link.fetches === 0) await link.session[Symbol.asyncDispose]()
      },
    }
  }
}
