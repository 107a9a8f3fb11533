import type { CID } from 'multiformats/cid'
import type { ExchangeSession, FetchOptions, WantedBlock } from '../../../core/api.ts'
import { MAX_MISSES } from '../wire/codec.ts'
import type { FetchAllOptions } from './fetch.ts'
import type { PlannedSession } from './planner.ts'

/** Taken for a block's size until the session has seen one. */
const FIRST_GUESS_BYTES = 256 * 1024

/** Doublings of the pause between questions to a peer that had nothing so far. */
const MAX_PAUSE_DOUBLINGS = 16

/** What a session needs of the requester. */
export interface SessionHost {
  fetchAll(session: Session, wanted: readonly WantedBlock[], options: FetchAllOptions): Promise<void>
  close(session: Session): void
}

/**
 * Fetches of one DAG, and what they taught about peers. Who had every block it was asked for is a provider, and likely has
 * the next. Who had some and lacked others is a sharer: it may be fetching the same, and is asked about each block.
 */
export class Session implements ExchangeSession, PlannedSession {
  readonly providers = new Set<string>()
  readonly sharers = new Set<string>()
  readonly lacking = new Set<string>()
  readonly probeFrom = new Map<string, number>()
  /** In a row. */
  readonly #misses = new Map<string, number>()
  readonly #host: SessionHost
  #guessBytes = FIRST_GUESS_BYTES
  #wants = 0
  #closed = false

  constructor(host: SessionHost) {
    this.#host = host
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Bytes to reckon with for a block of unknown size. */
  get guessBytes(): number {
    return this.#guessBytes
  }

  async fetch(
    cid: CID,
    { sizeHint, ...options }: FetchOptions & Pick<WantedBlock, 'sizeHint'> = {},
  ): Promise<Uint8Array> {
    let block: Uint8Array = new Uint8Array()
    await this.fetchAll([{ cid, sizeHint }], {
      ...options,
      onBlock(_, bytes) {
        // Whoever keeps one block should not keep those that came with it.
        block = bytes.byteLength < bytes.buffer.byteLength ? new Uint8Array(bytes) : bytes
      },
    })
    return block
  }

  fetchAll(wanted: readonly WantedBlock[], options: FetchAllOptions): Promise<void> {
    return this.#host.fetchAll(this, wanted, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#host.close(this)
  }

  /** The place of the next want. */
  nextOrdinal(): number {
    return this.#wants++
  }

  received(bytes: number): void {
    this.#guessBytes = Math.ceil((this.#guessBytes + bytes) / 2)
  }

  /** `peer` delivered, offered or gained a block. */
  found(peer: string): void {
    this.#misses.delete(peer)
    this.probeFrom.delete(peer)
    if (this.lacking.has(peer)) this.sharers.add(peer)
    else this.providers.add(peer)
  }

  /** `peer` was asked in vain. */
  missed(peer: string): void {
    const misses = (this.#misses.get(peer) ?? 0) + 1
    this.#misses.set(peer, misses)
    this.probeFrom.set(peer, this.#wants + 2 ** Math.min(misses, MAX_PAUSE_DOUBLINGS))
    this.lacking.add(peer)
    if (this.providers.delete(peer)) this.sharers.add(peer)
    // It would forget the first of them, and has gained nothing for as long.
    if (misses >= MAX_MISSES) this.sharers.delete(peer)
  }

  /** The stream to `peer` is gone. */
  forget(peer: string): void {
    this.providers.delete(peer)
    this.sharers.delete(peer)
    this.lacking.delete(peer)
    this.probeFrom.delete(peer)
    this.#misses.delete(peer)
  }
}
