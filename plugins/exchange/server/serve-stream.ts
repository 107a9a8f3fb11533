import { setTimeout as wait } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import type { Channel } from '../../../core/api.ts'
import { keyOf } from '../block-key.ts'
import { exchangeError } from '../errors.ts'
import {
  decodeRequest,
  encodeReply,
  MAX_BATCH,
  MAX_WANTS,
  Mode,
  PROTOCOL,
  Status,
  type Want,
} from '../wire/codec.ts'
import { Misses } from './misses.ts'
import { Outbox, type Shipment } from './outbox.ts'
import type { Asker, ServeHost, Serving } from './serving.ts'

interface StreamServing extends Serving {
  /** The requester's number for it. */
  readonly id: number
}

export interface ServeStreamOptions {
  readonly isMetered: boolean
}

export interface ServeStreamDependencies {
  readonly channel: Channel
  readonly host: ServeHost
}

/** Answers waiting to be sent above which no more questions are read: a requester that doesn't read asks for nothing. */
const MAX_WAITING_ANSWERS = 2 * MAX_BATCH

/** One requester's stream: reads its questions, keeps what it waits for, sends what is ready. */
export class ServeStream implements Asker {
  readonly peer: string
  readonly isMetered: boolean
  readonly #channel: Channel
  readonly #host: ServeHost
  readonly #open = new Map<number, StreamServing>()
  readonly #misses = new Misses()
  readonly #outbox = new Outbox()
  #shipping = false
  #room: PromiseWithResolvers<void> | undefined
  #ended = false

  constructor({ isMetered }: ServeStreamOptions, { channel, host }: ServeStreamDependencies) {
    this.peer = channel.peer.toString()
    this.isMetered = isMetered
    this.#channel = channel
    this.#host = host
  }

  /**
   * Serves until the requester closes its side or the stream is gone.
   * @throws SkepError PROTOCOL_VIOLATION, and what the channel throws
   */
  async run(): Promise<void> {
    const onGone = (): void => this.#room?.resolve()
    this.#channel.signal.addEventListener('abort', onGone, { once: true })
    try {
      for (;;) {
        const message = await this.#channel.read()
        if (!message) return
        const { wants, cancels } = decodeRequest(message)
        this.#host.questioned(this.peer, wants.filter(want => this.#take(want)).length)
        for (const id of cancels) this.#cancel(id)
        await this.#roomForAnswers()
        const delayMs = this.#host.delayMs(this.peer)
        if (delayMs > 0) await wait(delayMs, undefined, { signal: this.#channel.signal, ref: false })
      }
    } finally {
      this.#channel.signal.removeEventListener('abort', onGone)
      this.#end()
    }
  }

  /** The block of a want was read; `undefined`: it can't be had. */
  fulfil(serving: StreamServing, payload: Uint8Array | undefined): void {
    if (payload && (this.#ended || serving.cancelled)) this.#host.giveBackUnsent(this, serving.bytes)
    if (this.#ended) return
    if (serving.cancelled) {
      this.#answer(serving.id, Status.CANCELLED)
    } else if (payload) {
      serving.state = 'ready'
      this.#outbox.add({
        answer: { id: serving.id, status: Status.OK, length: payload.byteLength },
        payload,
      })
      this.#ship()
    } else {
      this.#miss(serving.id, serving.cid)
    }
  }

  /** The block of a queued want will not be sent now. */
  refuse({ id }: StreamServing): void {
    this.#open.delete(id)
    this.#answer(id, Status.BUSY)
  }

  /** The block of `key` is held from now on. */
  gained(key: string): void {
    const cid = this.#misses.take(key)
    if (!cid) return
    this.#outbox.update(cid)
    this.#ship()
  }

  /** True where it brings no block. */
  #take({ id, cid, mode, patient }: Want): boolean {
    if (this.#open.has(id)) {
      throw exchangeError('PROTOCOL_VIOLATION', `want ${id} was asked again before it was answered`)
    }
    const length = this.#host.sizeOf(cid)
    if (length === undefined) this.#miss(id, cid)
    else if (mode === Mode.HAVE) this.#answer(id, Status.OK, length)
    else this.#queue({ asker: this, id, cid, bytes: length, patient, state: 'queued', cancelled: false })
    return length === undefined || mode === Mode.HAVE
  }

  #queue(serving: StreamServing): void {
    if (this.#open.size < MAX_WANTS && this.#host.enqueue(serving)) this.#open.set(serving.id, serving)
    else this.#answer(serving.id, Status.BUSY)
  }

  #cancel(id: number): void {
    const serving = this.#open.get(id)
    if (!serving || serving.cancelled) return
    serving.cancelled = true
    if (serving.state === 'reading') return
    if (serving.state === 'queued') {
      this.#host.dequeue(serving)
      this.#answer(id, Status.CANCELLED)
    } else {
      this.#outbox.cancel(id)
      this.#host.giveBackUnsent(this, serving.bytes)
    }
  }

  #miss(id: number, cid: CID): void {
    this.#misses.add(keyOf(cid), cid)
    this.#answer(id, Status.MISSING)
  }

  #answer(id: number, status: Status, length = 0): void {
    this.#outbox.add({ answer: { id, status, length } })
    this.#ship()
  }

  #ship(): void {
    if (this.#shipping || this.#ended) return
    this.#shipping = true
    // What becomes ready in this turn of the event loop goes together.
    setImmediate(() => void this.#send())
  }

  async #send(): Promise<void> {
    try {
      while (!this.#ended) {
        const shipment = this.#outbox.ship()
        if (!shipment) return
        for (const { id } of shipment.answers) this.#open.delete(id)
        await this.#sendOne(shipment)
        if (this.#outbox.size < MAX_WAITING_ANSWERS) this.#room?.resolve()
      }
    } catch {
      // The stream is gone; its reader says why.
    } finally {
      this.#shipping = false
    }
  }

  async #sendOne(shipment: Shipment): Promise<void> {
    try {
      await this.#channel.write(encodeReply(shipment), shipment.payload, { given: true })
      const statuses = shipment.answers.map(({ status }) => status)
      this.#host.shipped(this.#channel.peer, { ...shipment, protocol: PROTOCOL.id, statuses })
    } finally {
      if (shipment.payloadBytes > 0) this.#host.giveBack(this, shipment.payloadBytes)
    }
  }

  async #roomForAnswers(): Promise<void> {
    while (this.#outbox.size >= MAX_WAITING_ANSWERS) {
      this.#channel.signal.throwIfAborted()
      this.#room = Promise.withResolvers()
      await this.#room.promise
    }
  }

  #end(): void {
    this.#ended = true
    for (const serving of this.#open.values()) {
      if (serving.state === 'queued') this.#host.dequeue(serving)
      if (serving.state === 'ready' && !serving.cancelled) this.#host.giveBackUnsent(this, serving.bytes)
    }
    this.#open.clear()
  }
}
