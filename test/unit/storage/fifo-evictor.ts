import type { BlockStore, Evictor } from '../../../core/storage/storage.ts'

/** Makes room of the oldest blocks that nobody keeps, some at a time. */
export class FifoEvictor implements Evictor {
  readonly #blocks: BlockStore
  readonly #queue: Uint8Array[] = []
  readonly kept = new Set<string>()
  #turn: Promise<unknown> = Promise.resolve()

  constructor(blocks: BlockStore) {
    this.#blocks = blocks
    for (const { hash } of blocks.list()) this.#queue.push(hash)
  }

  evict(bytes: number): Promise<number> {
    const evicted = this.#turn.then(() => this.#evict(Math.max(bytes, this.#blocks.stats().maxBytes / 64)))
    this.#turn = evicted
    return evicted
  }

  read(): void {}

  stored(hash: Uint8Array): void {
    if (!this.kept.has(Buffer.from(hash).toString('hex'))) this.#queue.push(hash)
  }

  async #evict(bytes: number): Promise<number> {
    let freedBytes = 0
    while (freedBytes < bytes && this.#queue.length > 0) {
      const oldest = this.#queue
        .splice(0, 8)
        .filter(hash => !this.kept.has(Buffer.from(hash).toString('hex')))
      freedBytes += await this.#blocks.delete(oldest)
    }
    return freedBytes
  }
}
