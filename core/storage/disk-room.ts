import { statfs } from 'node:fs/promises'
import { storageError } from './errors.ts'

export interface DiskRoomOptions {
  /** On the file system to watch. */
  readonly directory: string
  /** Left to others. */
  readonly minFreeBytes: number
}

export interface DiskRoomDependencies {
  nowMs(): number
}

/** The file system is asked that often at most: reservations come by the hundred a second. */
const MAX_AGE_MS = 250

/** Free bytes of the file system, as last seen. */
export class DiskRoom {
  readonly #options: DiskRoomOptions
  readonly #dependencies: DiskRoomDependencies
  #freeBytes = 0
  #seenMs = Number.NEGATIVE_INFINITY
  #writtenBytes = 0

  constructor(options: DiskRoomOptions, dependencies: DiskRoomDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  get freeBytes(): number {
    return Math.max(0, this.#freeBytes - this.#writtenBytes)
  }

  /** Bytes that may still be written, as last seen. */
  get seenBytes(): number {
    return Math.max(0, this.freeBytes - this.#options.minFreeBytes)
  }

  /** What was written since the file system was asked is no longer free. */
  wrote(bytes: number): void {
    this.#writtenBytes += bytes
  }

  /** Forgets what was seen: after a delete the next answer is fresh. */
  expire(): void {
    this.#seenMs = Number.NEGATIVE_INFINITY
  }

  /** Bytes that may still be written. */
  async roomBytes(): Promise<number> {
    if (this.#dependencies.nowMs() - this.#seenMs >= MAX_AGE_MS) await this.#ask()
    return this.freeBytes - this.#options.minFreeBytes
  }

  async #ask(): Promise<void> {
    const { directory } = this.#options
    const { bavail, bsize } = await statfs(directory).catch(cause => {
      throw storageError('STORAGE_FAILED', `could not ask how much is free at ${directory}`, { cause })
    })
    this.#freeBytes = bavail * bsize
    this.#writtenBytes = 0
    this.#seenMs = this.#dependencies.nowMs()
  }
}
