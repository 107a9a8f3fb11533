import type { CID } from 'multiformats/cid'
import {
  type BlockStore,
  byteKey,
  type Channel,
  isSkepError,
  type Logger,
  MAX_BLOCK_BYTES,
  messageOf,
  type PeerId,
  type Peers,
  type Rate,
} from '../../../core/api.ts'
import { keyOf } from '../block-key.ts'
import type { Tally } from '../tally.ts'
import { PROTOCOL } from '../wire/codec.ts'
import { Given } from './given.ts'
import { PeerRates } from './peer-rates.ts'
import { ServeQueue } from './serve-queue.ts'
import { ServeStream } from './serve-stream.ts'
import type { Asker, ServeHost, Serving, Shipped } from './serving.ts'

export interface ServerOptions {
  readonly maxReadAheadBytes: number
}

export interface ServerDependencies {
  readonly blocks: Pick<BlockStore, 'sizeOf' | 'get' | 'onStored'>
  readonly peers: Pick<Peers, 'report' | 'countBytes'>
  readonly bandwidth: UploadLimits
  readonly tally: Tally
  readonly log: Logger
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

/** What of bandwidth the server has to heed. */
export interface UploadLimits {
  /** False where metered peers are nothing special. */
  readonly isLimited: boolean
  /** Metered peers get blocks. */
  readonly serves: boolean
  readonly uploadBytesPerSecond: number
  isMetered(channel: Channel): boolean
}

/** What may wait for its turn, half of it for one peer alone: 100 Mbit/s take 20 s for it. Another holder is quicker; BUSY beyond. */
const MAX_QUEUED_BYTES = 256 * 1024 * 1024

/** Wants of all peers that may wait for their turn, some hundred bytes each, half of them of one peer alone; BUSY beyond. */
const MAX_QUEUED_WANTS = 16_384

/**
 * Bytes that are read for one peer and then not wanted. Whoever finds a quicker holder takes back a window a second at the most;
 * whoever ends a transfer what was read ahead, once. BUSY beyond.
 */
const VAIN_READS: Rate = { perSecond: 4 * 1024 * 1024, burst: 64 * 1024 * 1024 }

/**
 * Questions of one peer that bring it no block: each takes some ten microseconds of a large machine, and several times that of a small
 * board. As many at once as one that fetches may ask. Beyond it waits.
 */
const QUESTIONS: Rate = { perSecond: 10_000, burst: 65_536 }

/** What may wait for metered peers, as the time that it takes: peers wait 30 s for a block, and are better told at once. */
const MAX_METERED_QUEUE_SECONDS = 15

/** Blocks read for metered peers wait for no longer than this. */
const METERED_READ_AHEAD_SECONDS = 1

/** Answers peers from the block store: fair by bytes, with bounded read-ahead, waiting for no reader. */
export class Server implements ServeHost {
  readonly #deps: ServerDependencies
  readonly #askers = new Set<Asker>()
  readonly #queue: ServeQueue<Serving>
  /** The queue of metered peers, where they have one of their own. */
  readonly #meteredQueue: ServeQueue<Serving>
  readonly #queues: readonly ServeQueue<Serving>[]
  readonly #maxQueueReadBytes: number
  readonly #given = new Given()
  readonly #vainReads: PeerRates
  readonly #questions: PeerRates
  #pumping = false
  #storageFailure: string | undefined

  constructor({ maxReadAheadBytes }: ServerOptions, deps: ServerDependencies) {
    this.#deps = deps
    const isSplit = deps.bandwidth.isLimited
    this.#maxQueueReadBytes = isSplit ? maxReadAheadBytes / 2 : maxReadAheadBytes
    const options = {
      maxItems: isSplit ? MAX_QUEUED_WANTS / 2 : MAX_QUEUED_WANTS,
      maxReadAheadBytes: this.#maxQueueReadBytes,
    }
    this.#queue = new ServeQueue(options)
    this.#meteredQueue = isSplit ? new ServeQueue(options) : this.#queue
    this.#vainReads = new PeerRates(VAIN_READS, deps)
    this.#questions = new PeerRates(QUESTIONS, deps)
    const limits = { queuedBytes: MAX_QUEUED_BYTES, readAheadBytes: this.#maxQueueReadBytes }
    for (const queue of [this.#queue, this.#meteredQueue]) queue.limit(limits)
    this.#queues = isSplit ? [this.#queue, this.#meteredQueue] : [this.#queue]
  }

  get readAheadBytes(): number {
    return this.#sum(queue => queue.readAheadBytes)
  }

  get queuedWants(): number {
    return this.#sum(queue => queue.size)
  }

  get requesters(): number {
    return this.#askers.size
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
    const isMetered = this.#deps.bandwidth.isMetered(channel)
    const stream = new ServeStream({ isMetered }, { channel, host: this })
    const leave = this.join(stream)
    try {
      await stream.run()
    } catch (error) {
      if (isSkepError(error, 'PROTOCOL_VIOLATION')) this.#charge(channel, messageOf(error))
      throw error
    } finally {
      leave()
    }
  }

  /** Has `asker` told of blocks that come to be held. Returns the function that ends it. */
  join(asker: Asker): () => void {
    this.#askers.add(asker)
    return () => {
      this.#askers.delete(asker)
      this.#pump()
    }
  }

  sizeOf(cid: CID): number | undefined {
    const bytes = this.#deps.blocks.sizeOf(cid)
    return bytes !== undefined && bytes <= MAX_BLOCK_BYTES ? bytes : undefined
  }

  enqueue(serving: Serving): boolean {
    const queue = this.#queueOf(serving.asker)
    if (this.#vainReads.waitMs(serving.asker.peer) > 0) return false
    const key = keyOf(serving.cid)
    const isBusy = this.queuedWants > 0 || this.readAheadBytes > 0
    if (serving.patient && isBusy && this.#given.isElsewhere(key, serving.asker.peer)) return false
    if (queue === this.#meteredQueue) this.#limitMetered()
    if (!this.#mayServe(queue) || !queue.add(serving)) return false
    this.#given.add(key, serving.asker.peer)
    this.#pumpSoon()
    return true
  }

  dequeue(serving: Serving): void {
    this.#queueOf(serving.asker).remove(serving)
  }

  giveBack(asker: Asker, bytes: number): void {
    this.#queueOf(asker).give(asker.peer, bytes)
    this.#pumpSoon()
  }

  giveBackUnsent(asker: Asker, bytes: number): void {
    this.#vainReads.spend(asker.peer, bytes)
    this.giveBack(asker, bytes)
  }

  questioned(peer: string, count: number): void {
    if (count > 0) this.#questions.spend(peer, count)
  }

  /** Milliseconds before more is read from `peer`. */
  delayMs(peer: string): number {
    return this.#questions.waitMs(peer)
  }

  shipped(peer: PeerId, { protocol, statuses, blocks, payloadBytes }: Shipped): void {
    const { peers, tally } = this.#deps
    for (const status of statuses) tally.answered(status)
    if (blocks === 0) return
    tally.sent(blocks, payloadBytes, protocol)
    peers.countBytes(peer, 'sent', payloadBytes)
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
    this.#limitMetered()
    for (const queue of this.#queues) {
      if (!this.#mayServe(queue)) for (const serving of queue.drain()) serving.asker.refuse(serving)
      for (let serving = queue.next(); serving; serving = queue.next()) {
        serving.state = 'reading'
        void this.#read(serving)
      }
    }
  }

  #queueOf({ isMetered }: Asker): ServeQueue<Serving> {
    return isMetered ? this.#meteredQueue : this.#queue
  }

  #mayServe(queue: ServeQueue<Serving>): boolean {
    return this.#deps.bandwidth.serves || queue !== this.#meteredQueue
  }

  /** The cap changes with the month's volume. */
  #limitMetered(): void {
    const { isLimited, uploadBytesPerSecond } = this.#deps.bandwidth
    if (!isLimited) return
    this.#meteredQueue.limit({
      queuedBytes: uploadBytesPerSecond * MAX_METERED_QUEUE_SECONDS,
      readAheadBytes: Math.min(this.#maxQueueReadBytes, uploadBytesPerSecond * METERED_READ_AHEAD_SECONDS),
    })
  }

  #sum(of: (queue: ServeQueue<Serving>) => number): number {
    let sum = 0
    for (const queue of this.#queues) sum += of(queue)
    return sum
  }

  async #read(serving: Serving): Promise<void> {
    const { asker, cid } = serving
    let payload: Uint8Array | undefined
    try {
      payload = await this.#deps.blocks.get(cid)
      this.#storageFailure = undefined
    } catch (error) {
      this.#onUnreadable(serving, error)
    }
    asker.fulfil(serving, payload)
  }

  #onUnreadable(serving: Serving, error: unknown): void {
    const { asker, cid, bytes } = serving
    this.giveBack(asker, bytes)
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
    if (this.#askers.size === 0) return
    const key = byteKey(hash)
    for (const asker of this.#askers) asker.gained(key)
  }
}
