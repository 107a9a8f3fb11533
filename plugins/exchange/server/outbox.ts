import type { CID } from 'multiformats/cid'
import { type Answer, MAX_BATCH, Status } from '../wire/codec.ts'

/** Small payloads are copied together up to this size: one write instead of many. Larger ones go out as they are. */
const MAX_JOINED_BYTES = 128 * 1024

/** One answer to be sent, with the block where it is asked for. */
export interface Parcel {
  readonly answer: Answer
  readonly payload?: Uint8Array
}

/** What goes out in one write. */
export interface Shipment {
  readonly answers: readonly Answer[]
  readonly haveUpdates: readonly CID[]
  readonly payload: Uint8Array | undefined
  readonly payloadBytes: number
  readonly blocks: number
}

/** Answers in the order in which they will be sent. */
export class Outbox {
  #parcels: Parcel[] = []
  #updates: CID[] = []

  get size(): number {
    return this.#parcels.length + this.#updates.length
  }

  add(parcel: Parcel): void {
    this.#parcels.push(parcel)
  }

  update(cid: CID): void {
    this.#updates.push(cid)
  }

  /** Turns an answer that hasn't left into CANCELLED, without its payload. */
  cancel(id: number): void {
    const index = this.#parcels.findIndex(({ answer }) => answer.id === id)
    if (index >= 0) this.#parcels[index] = { answer: { id, status: Status.CANCELLED, length: 0 } }
  }

  /** Takes what fits into one write; undefined where nothing waits. */
  ship(): Shipment | undefined {
    if (this.size === 0) return undefined
    const count = this.#countThatFits()
    const parcels = this.#parcels.splice(0, count)
    const payloads = parcels.flatMap(({ payload }) => payload ?? [])
    return {
      answers: parcels.map(({ answer }) => answer),
      haveUpdates: this.#updates.splice(0, MAX_BATCH - count),
      payload: payloads.length > 1 ? Buffer.concat(payloads) : payloads[0],
      payloadBytes: payloads.reduce((bytes, payload) => bytes + payload.byteLength, 0),
      blocks: payloads.length,
    }
  }

  #countThatFits(): number {
    let bytes = 0
    for (const [index, { payload }] of this.#parcels.entries()) {
      if (index === MAX_BATCH) return index
      bytes += payload?.byteLength ?? 0
      if (index > 0 && payload && bytes > MAX_JOINED_BYTES) return index
    }
    return this.#parcels.length
  }
}
