import { type FetchOptions, MAX_BLOCK_BYTES, type WantedBlock } from '../../../core/api.ts'
import type { Session } from './session.ts'
import type { Want } from './want.ts'

/** One block of a fetch. */
export interface Waiter {
  readonly fetch: Fetch
  readonly want: Want
  readonly wanted: WantedBlock
  /** More payload bytes it doesn't take. */
  readonly maxBytes: number
}

export interface FetchAllOptions extends FetchOptions {
  onBlock(wanted: WantedBlock, bytes: Uint8Array): void
}

export interface FetchDependencies {
  readonly session: Session
  /** Nobody waits for it any more. */
  abandoned(want: Want): void
}

/** One caller's blocks, however many: they share its signal, its room and its first failure. */
export class Fetch {
  readonly session: Session
  /** Resolves when all blocks were handed over. */
  readonly done: Promise<void>
  readonly #options: FetchAllOptions
  readonly #abandoned: FetchDependencies['abandoned']
  readonly #end = Promise.withResolvers<void>()
  readonly #waiters = new Set<Waiter>()
  readonly #onAbort = (): void => this.fail(this.#options.signal?.reason)
  #hasRoom: boolean
  #making: Promise<void> | undefined
  #giveRoomBack: (() => void) | undefined

  constructor(options: FetchAllOptions, { session, abandoned }: FetchDependencies) {
    this.session = session
    this.done = this.#end.promise
    this.#options = options
    this.#abandoned = abandoned
    this.#hasRoom = options.makeRoom === undefined
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  get hasRoom(): boolean {
    return this.#hasRoom
  }

  get anyOrder(): boolean {
    return this.#options.anyOrder?.() ?? false
  }

  /** Has it wait for one more. */
  wait(want: Want, wanted: WantedBlock): void {
    const maxBytes = Math.min(wanted.sizeHint ?? MAX_BLOCK_BYTES, MAX_BLOCK_BYTES)
    const waiter: Waiter = { fetch: this, want, wanted, maxBytes }
    this.#waiters.add(waiter)
    want.join(waiter)
  }

  /** Has the caller make room, where it hasn't. A caller that can't fails the fetch. */
  makeRoom(): Promise<void> {
    this.#making ??= this.#makeRoom()
    return this.#making
  }

  /** A block was put off: the room goes back where no other is on its way. */
  ease(): void {
    if (!this.#giveRoomBack) return
    for (const { want } of this.#waiters) if (want.asks.size > 0) return
    this.#giveRoomBack()
    this.#giveRoomBack = undefined
    this.#hasRoom = false
  }

  /** Hands a block over. Who came when it was on its way already makes room now. */
  take(waiter: Waiter, bytes: Uint8Array): void {
    if (this.#hasRoom) this.#accept(waiter, bytes)
    else void this.makeRoom().then(() => this.#accept(waiter, bytes))
  }

  /** Ends it where all has come. */
  settle(): void {
    if (this.#waiters.size > 0) return
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#end.resolve()
  }

  fail(reason: unknown): void {
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const waiter of waiters) {
      waiter.want.part(waiter)
      if (!waiter.want.waiting) this.#abandoned(waiter.want)
    }
    this.#end.reject(reason)
  }

  #accept(waiter: Waiter, bytes: Uint8Array): void {
    if (!this.#waiters.delete(waiter)) return
    this.#options.onBlock(waiter.wanted, bytes)
    this.settle()
  }

  async #makeRoom(): Promise<void> {
    try {
      if (!this.#hasRoom) this.#giveRoomBack = await this.#options.makeRoom?.()
      this.#hasRoom = true
    } catch (error) {
      this.fail(error)
    } finally {
      this.#making = undefined
    }
  }
}
