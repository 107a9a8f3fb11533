import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { messageOf } from '../../../core/errors.ts'
import { MAX_INPUT_BYTES } from './target.ts'
import type { Finding } from './trial.ts'
import type { Order, Report, Stage } from './worker.ts'

/** The slowest input there may be takes a hundredth of it. */
const HANG_MS = 20_000
const LOOK_EVERY_MS = 1000

/** A codec that keeps what it is given, or takes what a length says, ends here instead of taking the machine. */
const MAX_HEAP_MEGABYTES = 512

export interface Result {
  /** Inputs tried. */
  readonly cases: number
  readonly findings: readonly Finding[]
}

/**
 * A thread in which targets are tried, one after the other. Who doesn't come back from an input, or takes all memory, ends the
 * thread and is a finding like any other; the next order gets a new thread.
 */
export class WatchedRun implements AsyncDisposable {
  #worker: Worker | undefined
  readonly #stage: Stage = {
    state: new Int32Array(new SharedArrayBuffer(8)),
    input: new Uint8Array(new SharedArrayBuffer(MAX_INPUT_BYTES)),
  }

  async run(order: Omit<Order, 'stage'>): Promise<Result> {
    const worker = await this.#start()
    const stage = this.#stage
    Atomics.store(stage.state, 0, 0)
    const outcome = Promise.withResolvers<Result>()
    const fail = async (kind: Finding['kind'], detail: string): Promise<void> => {
      const input = Uint8Array.from(stage.input.subarray(0, stage.state[1]))
      const cases = Atomics.load(stage.state, 0)
      await this[Symbol.asyncDispose]()
      outcome.resolve({ cases, findings: [{ target: order.target, kind, detail, input }] })
    }
    let seen = -1
    let seenMs = performance.now()
    const watch = setInterval(() => {
      const cases = Atomics.load(stage.state, 0)
      if (cases !== seen) seenMs = performance.now()
      seen = cases
      if (performance.now() - seenMs > HANG_MS) void fail('hang', `no end after ${HANG_MS / 1000} s`)
    }, LOOK_EVERY_MS)
    const onMessage = ({ done }: Report & { done?: Result }): void => {
      if (done) outcome.resolve(done)
    }
    const onError = (error: unknown): void => void fail('crash', `the thread ended: ${messageOf(error)}`)
    const onExit = (): void => void fail('hang', 'the thread ended: nothing is left that would go on')
    worker.on('message', onMessage).once('error', onError).once('exit', onExit)
    try {
      worker.postMessage({ ...order, stage } satisfies Order)
      return await outcome.promise
    } finally {
      clearInterval(watch)
      worker.off('message', onMessage).off('error', onError).off('exit', onExit)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  async #start(): Promise<Worker> {
    if (this.#worker) return this.#worker
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MEGABYTES },
    })
    this.#worker = worker
    await once(worker, 'message')
    return worker
  }
}
