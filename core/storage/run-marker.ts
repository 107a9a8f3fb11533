import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { syncDirectory } from './directory.ts'

/** The file `running`: there while a process uses the store, and after one that didn't end as it should. */
export class RunMarker {
  readonly #directory: string
  readonly #path: string
  /** The last run didn't close the store: what it left is to be looked at. */
  readonly wasLeft: boolean

  private constructor(directory: string, path: string, wasLeft: boolean) {
    this.#directory = directory
    this.#path = path
    this.wasLeft = wasLeft
  }

  /** The caller holds the directory. */
  static async set(directory: string): Promise<RunMarker> {
    const path = join(directory, 'running')
    const wasLeft = existsSync(path)
    if (!wasLeft) {
      await writeFile(path, '', { mode: 0o600 })
      await syncDirectory(directory)
    }
    return new RunMarker(directory, path, wasLeft)
  }

  /** All is closed and well. Where that doesn't get to disk, the next start looks in vain. */
  async clear(): Promise<void> {
    await rm(this.#path, { force: true })
    await syncDirectory(this.#directory).catch(() => undefined)
  }
}
