import { type FileHandle, open } from 'node:fs/promises'
import { systemCodeOf } from '../disk-error.ts'
import { LMDB_PAGE_BYTES } from '../lmdb-file.ts'
import { PageDamage } from './layout.ts'

/** Pages that lie so near to each other come in one read: a card reads the gap sooner than it begins again. */
const MAX_GAP_PAGES = 4
const MAX_RUN_PAGES = 32

/** The pages of a file, by positional reads: a bad page is an error or wrong bytes, never a signal that ends the process. */
export class PageFile implements AsyncDisposable {
  readonly #handle: FileHandle
  /** Of the file, when it was opened. */
  readonly bytes: number

  private constructor(handle: FileHandle, bytes: number) {
    this.#handle = handle
    this.bytes = bytes
  }

  /** @throws the system's error where it can't be opened */
  static async open(path: string): Promise<PageFile> {
    const handle = await open(path, 'r')
    return new PageFile(handle, (await handle.stat()).size)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }

  /** Bytes from the begin of a page on; fewer where the file ends before. @throws PageDamage where the disk can't read it */
  async read(page: number, bytes = LMDB_PAGE_BYTES): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(bytes)
    let filled = 0
    try {
      while (filled < bytes) {
        const at = page * LMDB_PAGE_BYTES + filled
        const { bytesRead } = await this.#handle.read(buffer, filled, bytes - filled, at)
        if (bytesRead === 0) break
        filled += bytesRead
      }
    } catch (error) {
      if (systemCodeOf(error) === 'EIO') throw new PageDamage(page, "can't be read")
      throw error
    }
    return buffer.subarray(0, filled)
  }

  /** Several pages, by their numbers; none of those that the disk can't read. */
  async readAll(pages: readonly number[]): Promise<Map<number, Buffer>> {
    const found = new Map<number, Buffer>()
    const readRun = async (run: readonly number[]): Promise<void> => {
      const [first = 0] = run
      const bytes = await this.read(first, ((run.at(-1) ?? first) - first + 1) * LMDB_PAGE_BYTES)
      for (const page of run) {
        const at = (page - first) * LMDB_PAGE_BYTES
        found.set(page, bytes.subarray(at, at + LMDB_PAGE_BYTES))
      }
    }
    await Promise.all(
      runsOf(pages).map(run =>
        readRun(run).catch(async error => {
          if (!(error instanceof PageDamage)) throw error
          // One bad page of the run shall not take the others with it.
          for (const page of run) await readRun([page]).catch(ignoreDamage)
        }),
      ),
    )
    return found
  }
}

function ignoreDamage(error: unknown): void {
  if (!(error instanceof PageDamage)) throw error
}

function runsOf(pages: readonly number[]): number[][] {
  const runs: number[][] = []
  for (const page of [...pages].sort((a, b) => a - b)) {
    const run = runs.at(-1)
    const [first = 0] = run ?? []
    const isNear = run && page - (run.at(-1) ?? 0) <= MAX_GAP_PAGES && page - first < MAX_RUN_PAGES
    if (isNear) run.push(page)
    else runs.push([page])
  }
  return runs
}
