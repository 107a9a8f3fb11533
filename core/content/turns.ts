import { byteKey } from '../byte-key.ts'
import type { WaitOptions } from '../storage/storage.ts'
import { untilAborted } from '../until-aborted.ts'

interface Turn {
  readonly controller: AbortController
  /** Gives way to whoever asks. */
  readonly yields: boolean
  readonly over: Promise<void>
}

type Task<T> = (signal: AbortSignal) => Promise<T>

/** One operation at a time for each key. */
export class Turns {
  /** Operations that run: as many as callers wait for. */
  readonly #running = new Map<string, Turn>()

  /**
   * Runs `task` when its turn has come. `preempts`: aborts what runs, with that reason, instead of waiting for it.
   * `task` is given a signal that is aborted by the caller's, or when the operation is preempted.
   */
  async take<T>(
    key: Uint8Array,
    { signal, preempts }: WaitOptions & { readonly preempts?: Error },
    task: Task<T>,
  ): Promise<T> {
    const text = byteKey(key)
    for (let other = this.#running.get(text); other; other = this.#running.get(text)) {
      if (preempts) other.controller.abort(preempts)
      else if (other.yields)
        other.controller.abort(new Error('another operation on the same content goes first'))
      await untilAborted(other.over, signal)
    }
    return this.#run(text, { signal, yields: false }, task)
  }

  /** Runs `task` where nothing else does; it gives way to any that comes. */
  async takeIfFree(key: Uint8Array, { signal }: WaitOptions, task: Task<void>): Promise<void> {
    const text = byteKey(key)
    if (!this.#running.has(text)) await this.#run(text, { signal, yields: true }, task)
  }

  /** Resolves when nothing runs. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all([...this.#running.values()].map(({ over }) => over))
  }

  async #run<T>(
    text: string,
    { signal, yields }: WaitOptions & { yields: boolean },
    task: Task<T>,
  ): Promise<T> {
    signal?.throwIfAborted()
    const controller = new AbortController()
    const { promise: over, resolve } = Promise.withResolvers<void>()
    this.#running.set(text, { controller, yields, over })
    try {
      return await task(signal ? AbortSignal.any([signal, controller.signal]) : controller.signal)
    } finally {
      this.#running.delete(text)
      resolve()
    }
  }
}
