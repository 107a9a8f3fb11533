import type { CID } from 'multiformats/cid'
import {
  type BlockStore,
  type Channel,
  isSkepError,
  type Logger,
  MAX_BLOCK_BYTES,
  messageOf,
  type Peers,
} from '../../../core/api.ts'
import { keyOfHash } from '../block-key.ts'
import type { Tally } from '../tally.ts'
import { PROTOCOL } from '../wire/codec.ts'
import type { Shipment } from './outbox.ts'
import { ReadAhead } from './read-ahead.ts'
import { ServeStream, type Serving, type StreamHost } from './serve-stream.ts'
import { Turns } from './turns.ts'

export interface ServerOptions {
  readonly maxReadAheadBytes: number
}

export interface ServerDependencies {
  readonly blocks: Pick<BlockStore, 'sizeOf' | 'get' | 'onStored'>
  readonly peers: Pick<Peers, 'report' | 'countBytes'>
  readonly tally: Tally
  readonly log: Logger
}

/** Wants of all peers that may wait for their turn, some hundred bytes each; BUSY beyond. */
const MAX_QUEUED_WANTS = 16_384

/** Answers peers from the block store: fair by bytes, with bounded read-ahead, waiting for no reader. */
export class Server implements StreamHost {
  readonly #deps: ServerDependencies
  readonly #streams = new Set<ServeStream>()
  readonly #turns = new Turns<Serving>()
  readonly #readAhead: ReadAhead
  #pumping = false
  #storageFailure: string | undefined

  constructor({ maxReadAheadBytes }: ServerOptions, deps: ServerDependencies) {
    this.#deps = deps
    this.#readAhead = new ReadAhead(maxReadAheadBytes)
  }

  get readAheadBytes(): number {
    return this.#readAhead.usedBytes
  }

  get queuedWants(): number {
    return this.#turns.size
  }

  get requesters(): number {
    return this.#streams.size
  }

  /** Why blocks could not be read, since the last one that could. */
  get storageFailure(): string | undefined {
    return this.#storageFailure
  }

  /** Tells requesters of blocks that come to be held. Returns the function that ends it. */
  watch(): () => void {
    return this.#deps.blocks.onStored(hash => this.#gained(hash))
  }

  /** Serves one stream to its end. Throws what ended it, if that wasn't the requester's wish. */
  async serve(channel: Channel): Promise<void> {
    const stream = new ServeStream(channel, this)
    this.#streams.add(stream)
    try {
      await stream.run()
    } catch (error) {
      if (isSkepError(error, 'PROTOCOL_VIOLATION')) this.#charge(channel, messageOf(error))
      throw error
    } finally {
      this.#streams.delete(stream)
      this.#pump()
    }
  }

  sizeOf(cid: CID): number | undefined {
    const bytes = this.#deps.blocks.sizeOf(cid)
    return bytes !== undefined && bytes <= MAX_BLOCK_BYTES ? bytes : undefined
  }

  enqueue(serving: Serving): boolean {
    if (this.#turns.size >= MAX_QUEUED_WANTS) return false
    this.#turns.add(serving.stream.peer, serving)
    this.#pumpSoon()
    return true
  }

  dequeue(serving: Serving): void {
    this.#turns.remove(serving.stream.peer, serving)
  }

  giveBack(stream: ServeStream, bytes: number): void {
    this.#readAhead.give(stream.peer, bytes)
    this.#pumpSoon()
  }

  shipped({ channel }: ServeStream, { answers, blocks, payloadBytes }: Shipment): void {
    const { peers, tally } = this.#deps
    for (const { status } of answers) tally.answered(status)
    if (blocks === 0) return
    tally.sent(blocks, payloadBytes)
    peers.countBytes(channel.peer, 'sent', payloadBytes)
  }

  /** Once for all that happens before the next microtask. */
  #pumpSoon(): void {
    if (this.#pumping) return
    this.#pumping = true
    queueMicrotask(() => {
      this.#pumping = false
      this.#pump()
    })
  }

  #pump(): void {
    for (;;) {
      const serving = this.#turns.next((peer, bytes) => this.#readAhead.mayTake(peer, bytes))
      if (!serving) return
      this.#readAhead.take(serving.stream.peer, serving.bytes)
      serving.state = 'reading'
      void this.#read(serving)
    }
  }

  async #read(serving: Serving): Promise<void> {
    const { stream, cid } = serving
    let payload: Uint8Array | undefined
    try {
      payload = await this.#deps.blocks.get(cid)
      this.#storageFailure = undefined
    } catch (error) {
      this.#onUnreadable(serving, error)
    }
    stream.fulfil(serving, payload)
  }

  #onUnreadable(serving: Serving, error: unknown): void {
    const { stream, cid, bytes } = serving
    this.giveBack(stream, bytes)
    if (isSkepError(error, 'BLOCK_NOT_FOUND')) return
    if (isSkepError(error, 'STORAGE_FAILED')) this.#storageFailure = messageOf(error)
    this.#deps.log.warn(
      { cid: cid.toString(), reason: messageOf(error) },
      'held block is unreadable: answered missing',
    )
  }

  #charge({ peer }: Channel, reason: string): void {
    this.#deps.tally.violated('requester')
    this.#deps.peers.report(peer, 'protocol-violation', `${PROTOCOL.id}: ${reason}`)
  }

  #gained(hash: Uint8Array): void {
    if (this.#streams.size === 0) return
    const key = keyOfHash(hash)
    for (const stream of this.#streams) stream.gained(key)
  }
}
