import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/** Sectors of `stat` are of 512 bytes, whatever the disk has: https://docs.kernel.org/block/stat.html */
const SECTOR_BYTES = 512
/** Position of "write sectors" in `stat`. */
const SECTORS_WRITTEN = 6

/** An ext4 disk of its own in a file, so that what one process writes can be told from what others do. Needs root. */
export class LoopDisk implements Disposable {
  readonly directory: string
  readonly #image: string
  readonly #device: string

  /** Undefined where this user may not mount one. */
  static mount(place: string, bytes: number): LoopDisk | undefined {
    return process.getuid?.() === 0 ? new LoopDisk(place, bytes) : undefined
  }

  private constructor(place: string, bytes: number) {
    this.directory = place
    this.#image = join(`${place}.img`)
    writeFileSync(this.#image, '')
    truncateSync(this.#image, bytes)
    // All of it now: the kernel would otherwise go on writing it for minutes.
    run('mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', this.#image)
    mkdirSync(place, { recursive: true })
    run('mount', '-o', 'loop', this.#image, place)
    this.#device = basename(run('findmnt', '-n', '-o', 'SOURCE', place))
  }

  /** All that was ever written to it, what waits in the page cache and in the journal included. */
  writtenBytes(): number {
    run('sync', '-f', this.directory)
    const stat = readFileSync(`/sys/block/${this.#device}/stat`, 'utf8').trim().split(/\s+/)
    return Number(stat[SECTORS_WRITTEN]) * SECTOR_BYTES
  }

  [Symbol.dispose](): void {
    run('umount', this.directory)
    rmSync(this.#image)
  }
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8' }).trim()
}
