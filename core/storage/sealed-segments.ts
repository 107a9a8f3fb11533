import { open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Logger } from '../logger.ts'
import { syncDirectory } from './directory.ts'
import { systemCodeOf } from './disk-error.ts'

/**
 * Segments that the disk once failed to write to. They take no new blocks and keep their file, so that neither this
 * store nor the file system hands out the bad place again: else each start would end where the last one did.
 *
 * One file, a line for each: the id in eight hexadecimal digits. Each failure that adds to it ends the process.
 */
export class SealedSegments {
  readonly #path: string
  readonly #ids = new Set<number>()

  constructor(path: string) {
    this.#path = path
  }

  async load(log: Logger): Promise<void> {
    const text = await readFile(this.#path, 'latin1').catch(error => {
      if (systemCodeOf(error) !== 'ENOENT')
        log.warn({ err: error }, 'could not read which segments are sealed')
      return ''
    })
    for (const [id] of text.matchAll(/^[0-9a-f]{8}$/gm)) this.#ids.add(Number.parseInt(id, 16))
  }

  has(id: number): boolean {
    return this.#ids.has(id)
  }

  /** Resolves when it is on disk. */
  async add(ids: Iterable<number>): Promise<void> {
    let lines = ''
    for (const id of ids) {
      this.#ids.add(id)
      // The line break comes first: what a power cut left of the last line stays apart.
      lines += `\n${id.toString(16).padStart(8, '0')}`
    }
    const handle = await open(this.#path, 'a', 0o600)
    try {
      await handle.writeFile(lines)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await syncDirectory(dirname(this.#path))
  }
}
