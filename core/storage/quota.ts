import { storageError } from './errors.ts'
import type { Evictor, Reservation, WaitOptions } from './storage.ts'

export interface QuotaOptions {
  readonly maxBytes: number
  /** In use from the start. */
  readonly usedBytes: number
}

export interface QuotaDependencies {
  /** Bytes that the file system can still take for blocks. Asked when a reservation is weighed. */
  diskRoomBytes(): Promise<number>
}

/**
 * Who may use how much of the disk. `usedBytes + reservedBytes` never passes `maxBytes`.
 *
 * Reservations are weighed one at a time, first come first served: a big one isn't starved by small ones behind it.
 */
export class Quota {
  readonly maxBytes: number
  #usedBytes: number
  #reservedBytes = 0
  #evictor: Evictor | undefined
  #turn: Promise<unknown> = Promise.resolve()
  readonly #dependencies: QuotaDependencies

  constructor(options: QuotaOptions, dependencies: QuotaDependencies) {
    this.maxBytes = options.maxBytes
    this.#usedBytes = options.usedBytes
    this.#dependencies = dependencies
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  get reservedBytes(): number {
    return this.#reservedBytes
  }

  get evictor(): Evictor | undefined {
    return this.#evictor
  }

  /** A delete gave `bytes` back. */
  free(bytes: number): void {
    this.#usedBytes -= bytes
  }

  attachEvictor(evictor: Evictor): () => void {
    if (this.#evictor) throw new Error('an evictor is attached already: detach it first')
    this.#evictor = evictor
    return () => {
      if (this.#evictor === evictor) this.#evictor = undefined
    }
  }

  async reserve(bytes: number, options: WaitOptions = {}): Promise<Allowance> {
    const turn = this.#turn.then(() => this.#grant(bytes, options))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async #grant(bytes: number, options: WaitOptions): Promise<Allowance> {
    options.signal?.throwIfAborted()
    // Emptying the cache for what can never fit would help nobody.
    if (bytes > this.maxBytes) throw this.#full(bytes, this.#quotaRoomBytes())
    let roomBytes = await this.#roomBytes()
    if (bytes > roomBytes && this.#evictor) {
      await this.#evictor.evict(bytes - roomBytes, options)
      options.signal?.throwIfAborted()
      roomBytes = await this.#roomBytes()
    }
    if (bytes > roomBytes) throw this.#full(bytes, roomBytes)
    this.#reservedBytes += bytes
    return this.#allow(bytes)
  }

  /** At most `bytes` out of `reservation`, as an allowance of its own. */
  split(reservation: Reservation | undefined, bytes: number): Allowance {
    const own = reservation instanceof Allowance ? reservation.take(Math.min(bytes, reservation.bytes)) : 0
    return this.#allow(own)
  }

  /** What was set aside is in use now. */
  use(allowance: Allowance): void {
    const bytes = allowance.take(allowance.bytes)
    this.#reservedBytes -= bytes
    this.#usedBytes += bytes
  }

  #allow(bytes: number): Allowance {
    return new Allowance(bytes, unused => {
      this.#reservedBytes -= unused
    })
  }

  #quotaRoomBytes(): number {
    return this.maxBytes - this.#usedBytes - this.#reservedBytes
  }

  async #roomBytes(): Promise<number> {
    const diskRoomBytes = (await this.#dependencies.diskRoomBytes()) - this.#reservedBytes
    return Math.min(this.#quotaRoomBytes(), diskRoomBytes)
  }

  #full(bytes: number, roomBytes: number): Error {
    return storageError(
      'STORAGE_FULL',
      `no room for ${bytes} bytes: ${Math.max(0, roomBytes)} of ${this.maxBytes} are free ` +
        `(${this.#usedBytes} used, ${this.#reservedBytes} reserved)`,
    )
  }
}

/** Bytes set aside. What a put used of it is no longer in it, so `release` gives back just the rest. */
export class Allowance implements Reservation {
  #bytes: number
  readonly #giveBack: (bytes: number) => void

  constructor(bytes: number, giveBack: (bytes: number) => void) {
    this.#bytes = bytes
    this.#giveBack = giveBack
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Moves `bytes` out; whoever takes them answers for them. */
  take(bytes: number): number {
    this.#bytes -= bytes
    return bytes
  }

  /** Moves all of `other` in. */
  join(other: Allowance): this {
    this.#bytes += other.take(other.bytes)
    return this
  }

  release(): void {
    this.#giveBack(this.take(this.#bytes))
  }
}
