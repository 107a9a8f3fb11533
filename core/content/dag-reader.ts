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

  constructor(session: BlockSession, memory: MemoryBudget, signal?: AbortSignal) {
    this.#session = session
    this.#memory = memory
    this.#signal = signal
  }

  /** The same session, waiting no longer than `signal`, too. */
  until(signal: AbortSignal | undefined): DagReader {
    if (!signal) return this
    const both = this.#signal ? AbortSignal.any([this.#signal, signal]) : signal
    return new DagReader(this.#session, this.#memory, both)
  }

  /** @throws SkepError NOT_UNIXFS, CONTENT_UNAVAILABLE, CONTENT_CORRUPT */
  async load(cid: CID, link: SizedLink = {}, signal = this.#signal): Promise<UnixfsNode> {
    return decodeUnixfs(cid, await this.#session.get(cid, { signal, sizeHint: blockHint(link) }))
  }

  /** Loads what is behind `links`, several at a time, and gives it in order. */
  ahead<L extends SizedLink, O>(
    links: Iterable<L> | AsyncIterable<L>,
    load: (link: L, signal: AbortSignal) => Promise<O>,
  ): AsyncGenerator<O, void, void> {
    return readAhead(links, {
      memory: this.#memory,
      sizeOf: link => blockHint(link) ?? MAX_BLOCK_BYTES,
      load,
      signal: this.#signal,
    })
  }
}
