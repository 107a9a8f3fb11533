import { ReadAhead } from './read-ahead.ts'
import { Turns } from './turns.ts'

interface Item {
  readonly bytes: number
  readonly asker: { readonly peer: string }
}

export interface ServeQueueOptions {
  /** Each takes memory, however small its block is. */
  readonly maxItems: number
  readonly maxReadAheadBytes: number
}

/** A queue of fair turns with its own read-ahead: peers that are capped wait in one of theirs, and nobody behind them. */
export class ServeQueue<T extends Item> {
  readonly #turns = new Turns<T>()
  readonly #queued = new ReadAhead(Number.POSITIVE_INFINITY)
  /** Shared out as bytes are, one for each item. */
  readonly #places: ReadAhead
  readonly #readAhead: ReadAhead

  constructor({ maxItems, maxReadAheadBytes }: ServeQueueOptions) {
    this.#places = new ReadAhead(maxItems)
    this.#readAhead = new ReadAhead(maxReadAheadBytes)
  }

  /** Items that wait. */
  get size(): number {
    return this.#turns.size
  }

  get readAheadBytes(): number {
    return this.#readAhead.usedBytes
  }

  /** What may wait, and what may be read and not yet sent; both are shared out so that who comes late finds room. */
  limit({ queuedBytes, readAheadBytes }: { queuedBytes: number; readAheadBytes: number }): void {
    this.#queued.limitBytes = queuedBytes
    this.#readAhead.limitBytes = readAheadBytes
  }

  /** False where the peer's share of the queue is used up. */
  add(item: T): boolean {
    const {
      bytes,
      asker: { peer },
    } = item
    if (!this.#places.mayTake(peer, 1) || !this.#queued.mayTake(peer, bytes)) return false
    this.#places.take(peer, 1)
    this.#queued.take(peer, bytes)
    this.#turns.add(peer, item)
    return true
  }

  remove(item: T): void {
    if (this.#turns.remove(item.asker.peer, item)) this.#left(item)
  }

  /** Takes the next item that there is room to read, and the room. */
  next(): T | undefined {
    const item = this.#turns.next((peer, bytes) => this.#readAhead.mayTake(peer, bytes))
    if (!item) return undefined
    this.#left(item)
    this.#readAhead.take(item.asker.peer, item.bytes)
    return item
  }

  /** Gives back room of {@link next}. */
  give(peer: string, bytes: number): void {
    this.#readAhead.give(peer, bytes)
  }

  /** Takes all that waits. */
  *drain(): Generator<T> {
    for (;;) {
      const item = this.#turns.next(() => true)
      if (!item) return
      this.#left(item)
      yield item
    }
  }

  #left({ asker: { peer }, bytes }: T): void {
    this.#places.give(peer, 1)
    this.#queued.give(peer, bytes)
  }
}
