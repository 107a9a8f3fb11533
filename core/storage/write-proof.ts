import { access, constants } from 'node:fs/promises'
import { messageOf } from '../errors.ts'
import { storageError } from './errors.ts'
import type { KeyValueStore, StorageProof, WaitOptions } from './storage.ts'

export interface WriteProofOptions {
  /** Of the whole storage. */
  readonly directory: string
}

const KEY = Buffer.from('probe')

/** Knows when the disk last proved that it takes writes, and has it prove it again where that is too long ago. */
export class WriteProof {
  readonly #directory: string
  readonly #nowMs: () => number
  #flushedMs = Number.NEGATIVE_INFINITY

  /** `nowMs` is monotonic. */
  constructor({ directory }: WriteProofOptions, { nowMs }: { readonly nowMs: () => number }) {
    this.#directory = directory
    this.#nowMs = nowMs
  }

  /** A transaction with changes has flushed. */
  flushed(): void {
    this.#flushedMs = this.#nowMs()
  }

  /** Something could not be written: what was proved before counts no more. */
  failed(): void {
    this.#flushedMs = Number.NEGATIVE_INFINITY
  }

  /** @throws SkepError STORAGE_FAILED, STORAGE_FULL, STORAGE_CLOSED */
  async probe(
    index: KeyValueStore,
    { signal, maxAgeMs = 0 }: WaitOptions & { readonly maxAgeMs?: number } = {},
  ): Promise<StorageProof> {
    signal?.throwIfAborted()
    const meta = index.bucket('meta')
    // Tells at once, and without a write, of a file system that was made read-only and of rights that were lost.
    await access(this.#directory, constants.W_OK).catch(cause => {
      throw storageError('STORAGE_FAILED', `${this.#directory} can't be written to: ${messageOf(cause)}`, {
        cause,
      })
    })
    const flushedMsAgo = this.#nowMs() - this.#flushedMs
    if (flushedMsAgo < maxAgeMs && meta.get(KEY)) return { flushedMsAgo }
    const value = crypto.getRandomValues(new Uint8Array(8))
    await index.write(batch => batch.put(meta, KEY, value))
    signal?.throwIfAborted()
    if (Buffer.compare(meta.get(KEY) ?? new Uint8Array(), value) !== 0) {
      throw storageError('STORAGE_FAILED', 'a value that was written reads differently')
    }
    return { flushedMsAgo: 0 }
  }
}
