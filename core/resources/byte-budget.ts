import { type Token, token } from '../container.ts'
import type { WaitOptions } from '../storage/storage.ts'

/** Bytes of memory lent to one consumer. `release` is idempotent. */
export interface Lease {
  readonly bytes: number
  /** Gives back all but `bytes`, where that is less than is held. */
  shrink(bytes: number): void
  release(): void
}

/** The node's one budget for bytes in flight: whoever holds a block in memory leases it here first. */
export interface MemoryBudget {
  readonly limitBytes: number
  readonly usedBytes: number
  /**
   * Waits its turn, first come first served: a small lease doesn't overtake a large one. More than the whole budget is lent
   * alone, so that nothing waits for ever. The queue is as long as there are callers; each bounds its own.
   *
   * @throws RangeError where `bytes` isn't a number from 0 up, the reason of `signal` where that aborts first
   */
  lease(bytes: number, options?: WaitOptions): Promise<Lease>
}

export const MemoryBudget: Token<MemoryBudget> = token('memory budget')

interface Waiter {
  readonly bytes: number
  grant(): void
}

export function createMemoryBudget(limitBytes: number): MemoryBudget {
  let usedBytes = 0
  const waiters: Waiter[] = []

  const fits = (bytes: number): boolean => usedBytes === 0 || usedBytes + bytes <= limitBytes

  const take = (bytes: number): Lease => {
    usedBytes += bytes
    let heldBytes = bytes
    const shrink = (toBytes: number): void => {
      if (toBytes >= heldBytes) return
      usedBytes -= heldBytes - toBytes
      heldBytes = toBytes
      grantWaiting()
    }
    return {
      get bytes() {
        return heldBytes
      },
      shrink,
      release: () => shrink(0),
    }
  }

  const grantWaiting = (): void => {
    while (waiters[0] && fits(waiters[0].bytes)) waiters.shift()?.grant()
  }

  return {
    limitBytes,
    get usedBytes() {
      return usedBytes
    },
    async lease(bytes, { signal } = {}) {
      if (!(bytes >= 0)) throw new RangeError(`a lease of ${bytes} bytes: expected 0 or more`)
      signal?.throwIfAborted()
      if (waiters.length === 0 && fits(bytes)) return take(bytes)
      return new Promise((resolve, reject) => {
        const onAbort = (): void => {
          waiters.splice(waiters.indexOf(waiter), 1)
          reject(signal?.reason)
          grantWaiting()
        }
        const waiter: Waiter = {
          bytes,
          grant() {
            signal?.removeEventListener('abort', onAbort)
            resolve(take(bytes))
          },
        }
        signal?.addEventListener('abort', onAbort, { once: true })
        waiters.push(waiter)
      })
    },
  }
}
