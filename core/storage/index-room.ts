import { storageError } from './errors.ts'
import type { Evictor, WaitOptions } from './storage.ts'

export interface IndexRoomDependencies {
  /** Bytes that blocks may still take in the index, as far as committed; exact where there are fewer than `wanted`. */
  roomBytes(wanted: number): number
  /** Who makes room. */
  evictor(): Evictor | undefined
}

/**
 * Room in the index for the puts on their way: each block has an entry there, and small ones lie in it. Puts are weighed
 * one at a time, first come first served, and room is made before any is refused.
 */
export class IndexRoom {
  readonly #dependencies: IndexRoomDependencies
  #takenBytes = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(dependencies: IndexRoomDependencies) {
    this.#dependencies = dependencies
  }

  /** Sets `bytes` aside until the put is over; dispose of it then. @throws SkepError STORAGE_FULL */
  async take(bytes: number, options: WaitOptions = {}): Promise<Disposable> {
    const turn = this.#turn.then(() => this.#makeRoom(bytes, options))
    this.#turn = turn.catch(() => undefined)
    await turn
    return {
      [Symbol.dispose]: () => {
        this.#takenBytes -= bytes
      },
    }
  }

  async #makeRoom(bytes: number, options: WaitOptions): Promise<void> {
    options.signal?.throwIfAborted()
    // A large block frees disk but hardly any index: as long as anything goes, it goes on.
    for (let lacking = this.#lacking(bytes); lacking > 0; lacking = this.#lacking(bytes)) {
      const freedBytes = await this.#dependencies.evictor()?.evict(lacking, options)
      options.signal?.throwIfAborted()
      if (!freedBytes) {
        throw storageError('STORAGE_FULL', `the index is full: it lacks ${lacking} bytes for a block`)
      }
    }
    this.#takenBytes += bytes
  }

  #lacking(bytes: number): number {
    const wanted = this.#takenBytes + bytes
    return wanted - this.#dependencies.roomBytes(wanted)
  }
}
