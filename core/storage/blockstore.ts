import type { Blockstore, InputPair, Pair } from 'interface-blockstore'
import { NotFoundError } from 'interface-store'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { decode } from 'multiformats/hashes/digest'
import { isSkepError } from '../errors.ts'
import type { BlockStore, WaitOptions } from './storage.ts'

type Bytes = InputPair['bytes']

/** A block store as an interface-blockstore, for the packages of the IPFS ecosystem. */
export function createBlockstore(blocks: BlockStore): Blockstore {
  return new EcosystemBlockstore(blocks)
}

/** Blocks listed at a time by `getAll`. */
const BLOCKS_PER_LIST = 256

class EcosystemBlockstore implements Blockstore {
  readonly #blocks: BlockStore

  constructor(blocks: BlockStore) {
    this.#blocks = blocks
  }

  has(cid: CID, { signal }: WaitOptions = {}): boolean {
    signal?.throwIfAborted()
    return this.#blocks.has(cid)
  }

  async put(cid: CID, bytes: Bytes, options: WaitOptions = {}): Promise<CID> {
    options.signal?.throwIfAborted()
    await this.#blocks.put(cid, await gather(bytes), options)
    return cid
  }

  async *putMany(
    source: Iterable<InputPair> | AsyncIterable<InputPair>,
    options?: WaitOptions,
  ): AsyncGenerator<CID> {
    for await (const { cid, bytes } of source) yield await this.put(cid, bytes, options)
  }

  async *get(cid: CID, options?: WaitOptions): AsyncGenerator<Uint8Array> {
    try {
      yield await this.#blocks.get(cid, options)
    } catch (cause) {
      throw isSkepError(cause, 'BLOCK_NOT_FOUND') ? new NotFoundError(cause.message) : cause
    }
  }

  async *getMany(source: Iterable<CID> | AsyncIterable<CID>, options?: WaitOptions): AsyncGenerator<Pair> {
    for await (const cid of source) yield { cid, bytes: this.get(cid, options) }
  }

  async delete(cid: CID, { signal }: WaitOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    await this.#blocks.delete([cid.multihash.bytes])
  }

  async *deleteMany(source: Iterable<CID> | AsyncIterable<CID>, options?: WaitOptions): AsyncGenerator<CID> {
    for await (const cid of source) {
      await this.delete(cid, options)
      yield cid
    }
  }

  /** The store knows multihashes: each block comes as a raw CIDv1. */
  *getAll({ signal }: WaitOptions = {}): Generator<Pair> {
    let after: Uint8Array | undefined
    do {
      const entries = this.#blocks.list({ ...(after && { after }), limit: BLOCKS_PER_LIST })
      for (const { hash } of entries) {
        signal?.throwIfAborted()
        const cid = CID.createV1(raw.code, decode(hash))
        yield { cid, bytes: this.get(cid, signal && { signal }) }
      }
      after = entries.at(-1)?.hash
    } while (after)
  }
}

async function gather(bytes: Bytes): Promise<Uint8Array> {
  if (bytes instanceof Uint8Array) return bytes
  const parts: Uint8Array[] = []
  for await (const part of bytes) parts.push(part)
  return Buffer.concat(parts)
}
