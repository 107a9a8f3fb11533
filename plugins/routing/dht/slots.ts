import { routingError } from '../errors.ts'

/** Look-ups that wait for their turn. Who comes when so many wait is better told at once. */
const MAX_WAITING = 256

/** A bounded number of things at a time; others wait in the order in which they came. */
export class Slots {
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor(count: number) {
    this.#free = count
  }

  /**
   * Resolves with what gives the slot back, once.
   * @throws SkepError LOOKUPS_FULL, and the reason of `signal`
   */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (this.#free > 0) this.#free -= 1
    else await this.#turn(signal)
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      const [next] = this.#waiting
      if (next) next()
      else this.#free += 1
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= MAX_WAITING) {
      throw routingError('LOOKUPS_FULL', `${MAX_WAITING} look-ups wait already`)
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(next)
        signal.removeEventListener('abort', onAbort)
      }
      const next = (): void => {
        leave()
        resolve()
      }
      const onAbort = (): void => {
        leave()
        reject(signal.reason)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.add(next)
    })
  }
}
