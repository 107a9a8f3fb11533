import type { CID } from 'multiformats/cid'
import { MAX_MISSES } from '../wire/codec.ts'

/** What a requester asked for and the holder hadn't, by the blocks' keys. */
export class Misses {
  readonly #cids = new Map<string, CID>()

  add(key: string, cid: CID): void {
    this.#cids.delete(key)
    this.#cids.set(key, cid)
    const [oldest] = this.#cids.keys()
    if (this.#cids.size > MAX_MISSES && oldest !== undefined) this.#cids.delete(oldest)
  }

  /** The CID that was asked for, once. */
  take(key: string): CID | undefined {
    const cid = this.#cids.get(key)
    this.#cids.delete(key)
    return cid
  }
}
