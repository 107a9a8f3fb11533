import type { CID } from 'multiformats/cid'
import type { MemoryBudget } from '../resources/byte-budget.ts'
import type { BlockSession } from '../services/blocks.ts'
import { MAX_BLOCK_BYTES } from './hashes.ts'
import { readAhead } from './read-ahead.ts'
import { blockHint, decodeUnixfs, type UnixfsNode } from './unixfs-node.ts'

interface SizedLink {
  readonly totalBytes?: number
}

/** Reads UnixFS nodes of one session. */
export class DagReader {
  readonly #session: BlockSession
  readonly #memory: MemoryBudget
  readonly #signal: AbortSignal | undefined
  readonly #onBytes: ((bytes: number) => void) | undefined

  /** `onBytes` is told the size of each block that was read. */
  constructor(
    session: BlockSession,
    memory: MemoryBudget,
    signal?: AbortSignal,
    onBytes?: (bytes: number) => void,
  ) {
    this.#session = session
    this.#memory = memory
    this.#signal = signal
    this.#onBytes = onBytes
  }

  /** The same session, waiting no longer than `signal`, too. */
  until(signal: AbortSignal | undefined): DagReader {
    if (!signal) return this
    const both = this.#signal ? AbortSignal.any([this.#signal, signal]) : signal
    return new DagReader(this.#session, this.#memory, both, this.#onBytes)
  }

  /** @throws SkepError NOT_UNIXFS, CONTENT_UNAVAILABLE, CONTENT_CORRUPT */
  async load(cid: CID, link: SizedLink = {}): Promise<UnixfsNode> {
    return decodeUnixfs(cid, await this.read(cid, link))
  }

  /** The block itself: decoded, a directory takes a dozen times as much. @throws SkepError CONTENT_UNAVAILABLE, CONTENT_CORRUPT */
  async read(cid: CID, link: SizedLink = {}): Promise<Uint8Array> {
    const block = await this.#session.get(cid, { signal: this.#signal, sizeHint: blockHint(link) })
    this.#onBytes?.(block.length)
    return block
  }

  /** Loads what is behind `links`, one block each with the reader given, several at a time, and gives it in order. */
  ahead<L, O>(
    links: Iterable<L> | AsyncIterable<L>,
    load: (link: L, reader: DagReader) => Promise<O>,
  ): AsyncGenerator<O, void, void> {
    return readAhead(links, {
      memory: this.#memory,
      maxItemBytes: MAX_BLOCK_BYTES,
      load: (link, signal, onBytes) =>
        load(link, new DagReader(this.#session, this.#memory, signal, onBytes)),
      signal: this.#signal,
    })
  }
}
