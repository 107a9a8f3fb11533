import type { DiskUse } from './block-shelf.ts'
import { storageError } from './errors.ts'
import type { Evictor, Reservation, WaitOptions } from './storage.ts'

export interface QuotaOptions {
  readonly maxBytes: number
  /** Left free for what else is written. */
  readonly headroomBytes: number
}

export interface QuotaDependencies {
  /** What the store takes now. */
  use(): DiskUse
  /** Bytes that the file system can still take for blocks. Asked when a reservation is weighed. */
  diskRoomBytes(): Promise<number>
}

/** Where room is: blocks under 32 KiB lie in the index, whose free pages are of no use to others. */
export type RoomKind = 'segments' | 'index'

/**
 * Who may use how much of the disk: what the store takes, its free slots aside, and what is reserved never pass
 * `maxBytes`. A free slot counts as room for any block, since it can be given back (`segment-shrinker.ts`).
 *
 * Reservations are weighed one at a time, first come first served: a big one isn't starved by small ones behind it.
 */
export class Quota {
  readonly maxBytes: number
  readonly #headroomBytes: number
  readonly #reserved: Record<RoomKind, number> = { segments: 0, index: 0 }
  #evictor: Evictor | undefined
  #turn: Promise<unknown> = Promise.resolve()
  readonly #dependencies: QuotaDependencies

  constructor(options: QuotaOptions, dependencies: QuotaDependencies) {
    this.maxBytes = options.maxBytes
    this.#headroomBytes = options.headroomBytes
    this.#dependencies = dependencies
  }

  get usedBytes(): number {
    return this.#dependencies.use().usedBytes
  }

  get reservedBytes(): number {
    return this.#reserved.segments + this.#reserved.index
  }

  get evictor(): Evictor | undefined {
    return this.#evictor
  }

  /** The store takes more than it should, by what is written beside blocks or because the bound was lowered. */
  get isOver(): boolean {
    return this.usedBytes > this.maxBytes - this.#headroomBytes
  }

  attachEvictor(evictor: Evictor): () => void {
    if (this.#evictor) throw new Error('an evictor is attached already: detach it first')
    this.#evictor = evictor
    return () => {
      if (this.#evictor === evictor) this.#evictor = undefined
    }
  }

  /** What can be reserved within `maxBytes`; negative where the store takes more. */
  roomBytes(kind: RoomKind): number {
    const { usedBytes, freeSlotBytes, freeIndexBytes } = this.#dependencies.use()
    const { segments, index } = this.#reserved
    const bytes = this.maxBytes - this.#headroomBytes - usedBytes + freeSlotBytes - segments
    return bytes + (kind === 'index' ? freeIndexBytes - index : Math.min(0, freeIndexBytes - index))
  }

  /** Refuses what would not fit if nothing else of its kind were held. @throws SkepError STORAGE_FULL */
  checkCapacity(kind: RoomKind, bytes: number): void {
    const { usedBytes, segmentBytes, indexBytes } = this.#dependencies.use()
    const otherBytes = usedBytes - segmentBytes - (kind === 'index' ? indexBytes : 0)
    if (bytes > this.maxBytes - this.#headroomBytes - otherBytes)
      throw this.#full(bytes, this.roomBytes(kind))
  }

  async reserve(kind: RoomKind, bytes: number, options: WaitOptions = {}): Promise<Allowance> {
    const turn = this.#turn.then(() => this.#grant(kind, bytes, options))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async #grant(kind: RoomKind, bytes: number, options: WaitOptions): Promise<Allowance> {
    options.signal?.throwIfAborted()
    // Emptying the cache for what can never fit would help nobody.
    this.checkCapacity(kind, bytes)
    let roomBytes = await this.#freeBytes(kind)
    while (bytes > roomBytes) {
      // What leaves the index is no room for a large block: as long as anything goes, it goes on.
      const freedBytes = await this.#evictor?.evict(bytes - roomBytes, options)
      options.signal?.throwIfAborted()
      roomBytes = await this.#freeBytes(kind)
      if (!freedBytes) break
    }
    if (bytes > roomBytes) throw this.#full(bytes, roomBytes)
    this.#reserved[kind] += bytes
    return this.#allow(kind, bytes)
  }

  /** Brings the store back within its bound, by `shrink`, which gives free slots back, and by making more of them. */
  async settle(shrink: () => Promise<boolean>): Promise<void> {
    while (!(await shrink())) {
      const excessBytes = this.usedBytes - (this.maxBytes - this.#headroomBytes)
      if (!(await this.#evictor?.evict(excessBytes))) return
    }
  }

  /** At most `bytes` out of `reservation`, as an allowance of its own. */
  split(kind: RoomKind, reservation: Reservation | undefined, bytes: number): Allowance {
    // Whatever has room for a large block has room for a small one, but not the other way round.
    const isOfUse = reservation instanceof Allowance && (reservation.kind === 'segments' || kind === 'index')
    const own = isOfUse ? reservation.take(Math.min(bytes, reservation.bytes)) : 0
    if (isOfUse && reservation.kind !== kind) {
      this.#reserved[reservation.kind] -= own
      this.#reserved[kind] += own
    }
    return this.#allow(kind, own)
  }

  #allow(kind: RoomKind, bytes: number): Allowance {
    return new Allowance(kind, bytes, unused => {
      this.#reserved[kind] -= unused
    })
  }

  async #freeBytes(kind: RoomKind): Promise<number> {
    const diskBytes = await this.#dependencies.diskRoomBytes()
    return Math.min(this.roomBytes(kind), diskBytes - this.reservedBytes)
  }

  #full(bytes: number, roomBytes: number): Error {
    return storageError(
      'STORAGE_FULL',
      `no room for ${bytes} bytes: ${Math.max(0, roomBytes)} of ${this.maxBytes} are free ` +
        `(${this.usedBytes} used, ${this.reservedBytes} reserved)`,
    )
  }
}

/** Bytes set aside. What a put used of it is no longer in it, so `release` gives back just the rest. */
export class Allowance implements Reservation {
  readonly kind: RoomKind
  #bytes: number
  readonly #giveBack: (bytes: number) => void

  constructor(kind: RoomKind, bytes: number, giveBack: (bytes: number) => void) {
    this.kind = kind
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

  /** Gives `bytes` of it back, or what there is. */
  shrink(bytes: number): void {
    this.#giveBack(this.take(Math.min(bytes, this.#bytes)))
  }

  release(): void {
    this.shrink(this.#bytes)
  }
}
