import type { CID } from 'multiformats/cid'
import { byteKey } from '../byte-key.ts'

/** Blocks that are fetched together with others, for whoever comes for one of them meanwhile. */
export class Arrivals {
  /** By multihash, and who waits where somebody does: as many as are fetched. */
  readonly #open = new Map<string, PromiseWithResolvers<void> | undefined>()

  /** False where it is on its way already. */
  begin(cid: CID): boolean {
    const key = keyOf(cid)
    if (this.#open.has(key)) return false
    this.#open.set(key, undefined)
    return true
  }

  /** It is here, or given up. */
  end(cid: CID): void {
    const key = keyOf(cid)
    const waiting = this.#open.get(key)
    this.#open.delete(key)
    waiting?.resolve()
  }

  /** Resolves with its end; undefined where it isn't on its way. */
  over(cid: CID): Promise<void> | undefined {
    const key = keyOf(cid)
    if (!this.#open.has(key)) return undefined
    const waiting = this.#open.get(key) ?? Promise.withResolvers<void>()
    this.#open.set(key, waiting)
    return waiting.promise
  }
}

export function keyOf({ multihash }: CID): string {
  return byteKey(multihash.bytes)
}
