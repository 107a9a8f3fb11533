import type { hash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { type MessagePort, Worker } from 'node:worker_threads'
import type { crc32 } from 'node:zlib'
import { contentError } from './errors.ts'

export interface HashedBytes {
  /** Those that were given, in a new array: the thread had their memory meanwhile. */
  readonly bytes: Uint8Array
  readonly sha256: Uint8Array
  readonly crc32: number
}

interface Question {
  readonly id: number
  readonly bytes: Uint8Array
}

type Answer = Question & HashedBytes

/** Below this the way to another thread costs more than the work. */
const MIN_BYTES = 128 * 1024
/** How long the thread outlives its last work: a directory's files come one after the other. */
const IDLE_MS = 5_000
/** It has a heap of its own, and keeps nothing there. MiB */
const HEAP = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 }

/**
 * Hashes and sums large blocks on a thread that takes their memory and gives it back. Nothing is copied, as WebCrypto's
 * digests do, and the event loop is free. It begins with the first block. As many wait as callers have under way.
 */
export class HashThread {
  readonly #waiting = new Map<number, PromiseWithResolvers<HashedBytes>>()
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #lastId = 0

  /** Whether `bytes` are worth the way, and have their memory to themselves. */
  takes({ buffer, byteLength }: Uint8Array): boolean {
    const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength
    return isWhole && byteLength >= MIN_BYTES && availableParallelism() > 1
  }

  /** `bytes` are empty from now on. @throws SkepError HASHING_FAILED */
  hash(bytes: Uint8Array): Promise<HashedBytes> {
    clearTimeout(this.#idle)
    this.#worker ??= this.#start()
    this.#worker.ref()
    const id = ++this.#lastId
    const answer = Promise.withResolvers<HashedBytes>()
    this.#waiting.set(id, answer)
    this.#worker.postMessage({ id, bytes } satisfies Question, [bytes.buffer as ArrayBuffer])
    return answer.promise
  }

  #start(): Worker {
    const worker = new Worker(SOURCE, { eval: true, env: {}, execArgv: [], resourceLimits: HEAP })
    worker.on('message', ({ id, ...hashed }: Answer) => {
      this.#waiting.get(id)?.resolve(hashed)
      this.#waiting.delete(id)
      if (this.#waiting.size > 0) return
      // An idle one keeps no process alive.
      worker.unref()
      this.#idle = setTimeout(() => {
        // At once: what comes while this one ends is for the next.
        this.#worker = undefined
        void worker.terminate()
      }, IDLE_MS).unref()
    })
    worker.on('error', cause => this.#fail(cause))
    worker.on('exit', () => {
      if (this.#worker !== worker) return
      this.#worker = undefined
      this.#fail(new Error('the thread ended'))
    })
    return worker
  }

  #fail(cause: unknown): void {
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of waiting)
      reject(contentError('HASHING_FAILED', 'a block was not hashed', { cause }))
  }
}

/** All that the thread runs; its source goes there as text, so it names nothing of this module. */
function serve(port: MessagePort, hashOf: typeof hash, sumOf: typeof crc32): void {
  port.on('message', ({ id, bytes }: Question) => {
    const answer: Answer = { id, bytes, sha256: hashOf('sha256', bytes, 'buffer'), crc32: sumOf(bytes) }
    port.postMessage(answer, [bytes.buffer as ArrayBuffer])
  })
}

const SOURCE = `(${serve})(require('worker_threads').parentPort, require('crypto').hash, require('zlib').crc32)`
