import { ReadAhead } from '../server/read-ahead.ts'

/**
 * Memory for messages on their way in. A peer may hold as much of it as it leaves free, so that whoever sends slowly leaves
 * something for the next; a message that has no room waits with its stream unread.
 */
export class Intake {
  readonly #room: ReadAhead
  #freed = Promise.withResolvers<void>()

  constructor(limitBytes: number) {
    this.#room = new ReadAhead(limitBytes)
  }

  get usedBytes(): number {
    return this.#room.usedBytes
  }

  /** Resolves once `peer` has room for a message. Whoever was let in gives the bytes back. */
  async take(peer: string, bytes: number, signal: AbortSignal): Promise<void> {
    while (!this.#room.mayTake(peer, bytes)) {
      const aborted = Promise.withResolvers<never>()
      const onAbort = (): void => aborted.reject(signal.reason)
      signal.throwIfAborted()
      signal.addEventListener('abort', onAbort, { once: true })
      try {
        await Promise.race([this.#freed.promise, aborted.promise])
      } finally {
        signal.removeEventListener('abort', onAbort)
      }
    }
    this.#room.take(peer, bytes)
  }

  give(peer: string, bytes: number): void {
    this.#room.give(peer, bytes)
    const freed = this.#freed
    this.#freed = Promise.withResolvers()
    freed.resolve()
  }
}
