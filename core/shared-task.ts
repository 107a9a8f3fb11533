import { untilAborted } from './until-aborted.ts'

/** Work that several callers wait for: it runs once, and is aborted when the last of them has given up. */
export class SharedTask<T> {
  readonly #controller = new AbortController()
  readonly #result: Promise<T>
  readonly #onOver: (() => void)[] = []
  #waiters = 0
  #isOver = false

  constructor(run: (signal: AbortSignal) => Promise<T>) {
    this.#result = run(this.#controller.signal)
    this.#result.then(
      () => this.#finish(),
      () => this.#finish(),
    )
  }

  /** Calls `listener` once when the work has ended or was given up. */
  onOver(listener: () => void): void {
    this.#onOver.push(listener)
  }

  /** The result, or the reason of `signal`, whichever comes first. */
  async join(signal?: AbortSignal): Promise<T> {
    this.#waiters += 1
    try {
      return await untilAborted(this.#result, signal)
    } finally {
      this.#waiters -= 1
      if (this.#waiters === 0 && !this.#isOver) {
        this.#finish()
        this.#controller.abort(signal?.reason)
      }
    }
  }

  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const listener of this.#onOver) listener()
  }
}
