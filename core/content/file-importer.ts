import * as dagPb from '@ipld/dag-pb'
import * as raw from 'multiformats/codecs/raw'
import { freshBytes } from '../owned-bytes.ts'
import type { BlockWriter } from './block-writer.ts'
import type { EntryAttributes, ImportEntry } from './content.ts'
import type { ImportProfile } from './profile.ts'
import { encodeFile, encodeSmallFile, type MadeLink } from './unixfs-node.ts'

/** A file, or a part of one, that was imported. */
export interface Imported extends MadeLink {
  /** File bytes. */
  readonly size: number
}

type FileEntry = ImportEntry & { readonly type: 'file' }

export interface FileImporterOptions {
  readonly profile: ImportProfile
  onChunk(bytes: number): void
}

/**
 * Imports one file after another. Each byte is copied once, from the stream into its chunk, unless a piece of the stream
 * is a chunk that was given away; beside what the writer has in flight, memory holds three chunks and, for each level of the tree, the links of one node.
 */
export class FileImporter {
  readonly #options: FileImporterOptions
  readonly #writer: BlockWriter
  /** The chunk that is being filled. Small files are copied out of it, so that it serves the next. */
  #chunk: Uint8Array | undefined

  constructor(options: FileImporterOptions, writer: BlockWriter) {
    this.#options = options
    this.#writer = writer
  }

  async import(file: FileEntry): Promise<Imported> {
    const { mode, mtimeMs } = file
    const attributes = { mode, mtimeMs }
    const layout = new BalancedLayout(this.#options.profile, attributes, this.#writer)
    let first: Uint8Array | undefined
    let newest: Promise<Imported> | undefined
    // One is hashed while the one before is written.
    const add = async (chunk: Uint8Array): Promise<void> => {
      const before = newest
      newest = this.#leaf(chunk)
      // Awaited in its turn; until then a failure isn't unhandled.
      newest.catch(() => undefined)
      if (before) await layout.add(await before)
    }
    for await (const chunk of this.#chunksOf(file)) {
      this.#options.onChunk(chunk.length)
      // Whether the first chunk is the whole file is known only when there is another.
      if (!newest && !first) {
        first = chunk
        continue
      }
      if (first) await add(first)
      first = undefined
      await add(chunk)
    }
    if (!newest) return this.#single(first ?? new Uint8Array(), attributes)
    await layout.add(await newest)
    return layout.finish()
  }

  async #leaf(chunk: Uint8Array): Promise<Imported> {
    const size = chunk.length
    return { cid: await this.#writer.write(raw.code, chunk, { discards: true }), size, totalBytes: size }
  }

  /** A raw block has no room for attributes. */
  async #single(bytes: Uint8Array, attributes: EntryAttributes): Promise<Imported> {
    const { mode, mtimeMs } = attributes
    if (mode === undefined && mtimeMs === undefined) return this.#leaf(bytes)
    const node = encodeSmallFile(bytes, attributes)
    return { cid: await this.#writer.write(dagPb.code, node), size: bytes.length, totalBytes: node.length }
  }

  async *#chunksOf({ bytes, givesBytes }: FileEntry): AsyncGenerator<Uint8Array, void, void> {
    const { chunkBytes } = this.#options.profile
    let filled = 0
    for await (const piece of bytes) {
      if (givesBytes && filled === 0 && piece.length === chunkBytes) {
        yield piece
        continue
      }
      for (let taken = 0; taken < piece.length; ) {
        this.#chunk ??= freshBytes(chunkBytes)
        const part = piece.subarray(taken, taken + chunkBytes - filled)
        this.#chunk.set(part, filled)
        taken += part.length
        filled += part.length
        if (filled < chunkBytes) continue
        const chunk = this.#chunk
        this.#chunk = undefined
        filled = 0
        yield chunk
      }
    }
    if (this.#chunk && filled > 0) yield new Uint8Array(this.#chunk.subarray(0, filled))
  }
}

/** A tree of full nodes, built from its leaves on. */
class BalancedLayout {
  readonly #profile: ImportProfile
  readonly #attributes: EntryAttributes
  readonly #writer: BlockWriter
  /** The node that is being filled on each level, leaves' parents first. */
  readonly #levels: Imported[][] = []

  constructor(profile: ImportProfile, attributes: EntryAttributes, writer: BlockWriter) {
    this.#profile = profile
    this.#attributes = attributes
    this.#writer = writer
  }

  async add(part: Imported, level = 0): Promise<void> {
    const parts = this.#levels[level] ?? []
    this.#levels[level] = parts
    parts.push(part)
    if (parts.length === this.#profile.maxLinks) await this.#close(level)
  }

  async finish(): Promise<Imported> {
    for (let level = 0; ; level++) {
      const parts = this.#levels[level] ?? []
      const [only] = parts
      if (level > 0 && level === this.#levels.length - 1 && only && parts.length === 1) return only
      if (parts.length > 0) await this.#close(level)
    }
  }

  async #close(level: number): Promise<void> {
    const parts = this.#levels[level] ?? []
    this.#levels[level] = []
    // Every node has the file's attributes, as ipfs-unixfs-importer does it.
    const node = encodeFile(parts, this.#attributes)
    const cid = await this.#writer.write(dagPb.code, node)
    const size = parts.reduce((sum, part) => sum + part.size, 0)
    const totalBytes = parts.reduce((sum, part) => sum + part.totalBytes, node.length)
    await this.add({ cid, size, totalBytes }, level + 1)
  }
}
