import type { Session } from './session.ts'

/** More than a stream tells news of. */
const MAX_ECHOES = 1_024

/**
 * Sessions of blocks that some peer lacked, by the blocks' keys, also after they came from another: who gets one later
 * likely fetches the same. The oldest are forgotten first.
 */
export class Echoes {
  readonly #sessions = new Map<string, Session>()

  add(key: string, session: Session): void {
    this.#sessions.delete(key)
    this.#sessions.set(key, session)
    const [oldest] = this.#sessions.keys()
    if (this.#sessions.size > MAX_ECHOES && oldest !== undefined) this.#sessions.delete(oldest)
  }

  get(key: string): Session | undefined {
    return this.#sessions.get(key)
  }
}
