import { constants } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { freshBytes } from '../owned-bytes.ts'
import { syncDirectory } from './directory.ts'
import { SLOT_BYTES, SLOT_HEADER_BYTES } from './size-classes.ts'
import type { Segment } from './slots.ts'
import { UncachedReader } from './uncached-reader.ts'

/** Open files at a time; the one used least recently is closed first. Well below the usual 1,024 a process. */
const MAX_OPEN_SEGMENTS = 128

interface OpenSegment {
  readonly handle: Promise<FileHandle>
  users: number
  /** Closed as soon as nobody uses it. */
  dropped: boolean
}

export interface SegmentFile {
  readonly id: number
  readonly sizeClass: number
  readonly bytes: number
}

type FileOf = Pick<Segment, 'id' | 'slotBytes'>

/** Segment files in one directory: positional reads and writes of slots, never through a map. */
export class SegmentFiles {
  readonly #directory: string
  readonly #open = new Map<number, OpenSegment>()
  readonly #uncached = new UncachedReader()

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Every segment file there is, by its name: `<id>-<slot bytes>.segment`, the id in eight hexadecimal digits. */
  async list(): Promise<SegmentFile[]> {
    await mkdir(this.#directory, { recursive: true })
    const found: SegmentFile[] = []
    for (const name of await readdir(this.#directory)) {
      const [, id, slotBytes] = /^([0-9a-f]{8})-(\d+)\.segment$/.exec(name) ?? []
      const sizeClass = SLOT_BYTES.indexOf(Number(slotBytes))
      if (!id || sizeClass === -1) continue
      const { size } = await lstat(join(this.#directory, name))
      found.push({ id: Number.parseInt(id, 16), sizeClass, bytes: size })
    }
    return found
  }

  async create(segment: FileOf): Promise<void> {
    const handle = await open(this.#path(segment), constants.O_RDWR | constants.O_CREAT, 0o600)
    await handle.close()
    await syncDirectory(this.#directory)
  }

  /** The payload in a slot; shorter than `length` where the file ends before. */
  readPayload(segment: FileOf, position: number, length: number): Promise<Uint8Array> {
    return this.#read(segment, position * segment.slotBytes + SLOT_HEADER_BYTES, length)
  }

  /** As {@link readPayload}, past the page cache where the file system can do that. */
  async readPayloadUncached(segment: FileOf, position: number, length: number): Promise<Uint8Array> {
    const offset = position * segment.slotBytes + SLOT_HEADER_BYTES
    const bytes = await this.#uncached.read(this.#path(segment), offset, length)
    return bytes ?? this.#read(segment, offset, length)
  }

  /** Header and payload; shorter than `length` asks where the file ends before. */
  readSlot(segment: FileOf, position: number, length: number): Promise<Uint8Array> {
    return this.#read(segment, position * segment.slotBytes, SLOT_HEADER_BYTES + length)
  }

  readHeader(segment: FileOf, position: number): Promise<Uint8Array> {
    return this.#read(segment, position * segment.slotBytes, SLOT_HEADER_BYTES)
  }

  /** Resolves when the bytes are in the page cache: `sync` makes them durable. */
  write(segment: FileOf, position: number, header: Uint8Array, payload: Uint8Array): Promise<void> {
    return this.#use(segment, async handle => {
      const { bytesWritten } = await handle.writev([header, payload], position * segment.slotBytes)
      if (bytesWritten === header.length + payload.length) return
      // The kernel takes part of a write just where the disk is full.
      throw Object.assign(new Error(`wrote ${bytesWritten} bytes of a block`), { code: 'ENOSPC' })
    })
  }

  sync(segment: FileOf): Promise<void> {
    return this.#use(segment, handle => handle.datasync())
  }

  /** Makes the file end behind so many slots. */
  truncate(segment: FileOf, slots: number): Promise<void> {
    return this.#use(segment, handle => handle.truncate(slots * segment.slotBytes))
  }

  async remove(segment: FileOf): Promise<void> {
    await this.#drop(segment.id)
    await unlink(this.#path(segment))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map(id => this.#drop(id)))
  }

  #read(segment: FileOf, offset: number, length: number): Promise<Uint8Array> {
    return this.#use(segment, async handle => {
      const bytes = freshBytes(length)
      let filled = 0
      while (filled < length) {
        const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled)
        if (bytesRead === 0) break
        filled += bytesRead
      }
      return filled === length ? bytes : bytes.subarray(0, filled)
    })
  }

  /** Runs `work` on the segment's open file, which stays open until it is done. */
  async #use<T>(segment: FileOf, work: (handle: FileHandle) => Promise<T>): Promise<T> {
    const file = this.#open.get(segment.id) ?? this.#start(segment)
    this.#open.delete(segment.id)
    this.#open.set(segment.id, file)
    file.users++
    try {
      return await work(await file.handle)
    } finally {
      file.users--
      if (file.dropped && file.users === 0) await closeFile(file)
    }
  }

  #start(segment: FileOf): OpenSegment {
    for (const [id, file] of this.#open) {
      if (this.#open.size < MAX_OPEN_SEGMENTS) break
      // What was written is synced before it counts, so a close that fails loses nothing.
      if (file.users === 0) this.#drop(id).catch(() => undefined)
    }
    const file: OpenSegment = { handle: open(this.#path(segment), 'r+'), users: 0, dropped: false }
    // A file that doesn't open is tried anew next time.
    file.handle.catch(() => {
      if (this.#open.get(segment.id) === file) this.#open.delete(segment.id)
    })
    return file
  }

  async #drop(id: number): Promise<void> {
    const file = this.#open.get(id)
    this.#open.delete(id)
    if (!file) return
    file.dropped = true
    if (file.users === 0) await closeFile(file)
  }

  #path({ id, slotBytes }: FileOf): string {
    return join(this.#directory, `${id.toString(16).padStart(8, '0')}-${slotBytes}.segment`)
  }
}

async function closeFile(file: OpenSegment): Promise<void> {
  const handle = await file.handle.catch(() => undefined)
  await handle?.close()
}
