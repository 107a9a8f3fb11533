import type { CID } from 'multiformats/cid'
import { isSkepError } from '../errors.ts'
import type { BlockSession, EnsureAllOptions, GetOptions } from '../services/blocks.ts'
import type { Exchange, ExchangeSession, WantedBlock } from '../services/exchange.ts'
import { contentError } from './errors.ts'

/** A session's way to other peers. */
export interface Line {
  /** Aborted when the session is, and with `signal`. */
  until(signal: AbortSignal | undefined): AbortSignal
  /**
   * Has `fetch` get `cid`, perhaps among others, from peers.
   * @throws SkepError CONTENT_UNAVAILABLE where no exchange is attached or nobody has it
   */
  through<T>(cid: CID, fetch: (session: ExchangeSession) => Promise<T>): Promise<T>
}

export interface SessionDependencies {
  exchange(): Exchange | undefined
  get(cid: CID, options: GetOptions, line: Line): Promise<Uint8Array>
  ensure(cid: CID, options: GetOptions, line: Line): Promise<number>
  ensureAll(wanted: readonly WantedBlock[], options: EnsureAllOptions, line: Line): Promise<void>
}

interface SessionLink {
  readonly exchange: Exchange
  readonly session: ExchangeSession
  fetches: number
}

/** An exchange session opened on the first block that isn't here, and kept while fetches run on it. */
export class NodeBlockSession implements BlockSession {
  readonly #root: CID
  readonly #dependencies: SessionDependencies
  readonly #closed = new AbortController()
  readonly #line: Line = {
    until: signal => this.#until(signal),
    through: (cid, work) => this.#through(cid, work),
  }
  /** The signal that was joined with the session's own last: thousands of fetches come with the same one. */
  #joined: { readonly signal: AbortSignal; readonly both: AbortSignal } | undefined
  #link: SessionLink | undefined

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

  async ensureAll(wanted: readonly WantedBlock[], options: EnsureAllOptions): Promise<void> {
    return this.#dependencies.ensureAll(wanted, options, this.#open())
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

  async #through<T>(cid: CID, fetch: (session: ExchangeSession) => Promise<T>): Promise<T> {
    const link = this.#linkFor(cid)
    link.fetches += 1
    try {
      return await fetch(link.session)
    } catch (error) {
      if (!isSkepError(error, 'BLOCK_UNAVAILABLE')) throw error
      throw contentError('CONTENT_UNAVAILABLE', error.message, { cause: error })
    } finally {
      link.fetches -= 1
      const isOver = this.#closed.signal.aborted || this.#link !== link
      if (isOver && link.fetches === 0) await link.session[Symbol.asyncDispose]()
    }
  }

  #linkFor(cid: CID): SessionLink {
    const exchange = this.#dependencies.exchange()
    if (!exchange) {
      throw contentError('CONTENT_UNAVAILABLE', `block ${cid} isn't here and no exchange runs that could ask`)
    }
    if (this.#link?.exchange !== exchange) {
      this.#link = { exchange, session: exchange.session(this.#root), fetches: 0 }
    }
    return this.#link
  }
}
