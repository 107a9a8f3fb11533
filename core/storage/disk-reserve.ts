import { randomBytes } from 'node:crypto'
import { rm, stat, writeFile } from 'node:fs/promises'

/** Pages that a delete of some hundred blocks rewrites in the index before it frees any. */
export const DISK_RESERVE_BYTES = 2 * 1024 * 1024

/**
 * A file that gives its room back when the disk is full to the last byte, since even a delete first writes: LMDB copies
 * the pages it changes.
 */
export class DiskReserve {
  readonly #path: string
  #held = false

  constructor(path: string) {
    this.#path = path
  }

  get held(): boolean {
    return this.#held
  }

  /** Sets the room aside, where there is any. */
  async fill(): Promise<void> {
    const size = await stat(this.#path).then(
      ({ size }) => size,
      () => 0,
    )
    // Random, so that no file system compresses it away.
    const write = (): Promise<void> => writeFile(this.#path, randomBytes(DISK_RESERVE_BYTES), { mode: 0o600 })
    try {
      if (size !== DISK_RESERVE_BYTES) await write()
      this.#held = true
    } catch {
      await this.spend()
    }
  }

  /** Gives the room back. */
  async spend(): Promise<void> {
    this.#held = false
    await rm(this.#path, { force: true })
  }
}
