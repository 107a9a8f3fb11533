import { crc32 } from 'node:zlib'
import { byteKey, bytesOfKey } from '../byte-key.ts'

/** Sums, by node, of how often it is owned less how often it is counted: 0 where the ledger is right. */
export interface PinTally {
  add(node: Uint8Array, change: number): void
}

const BUCKETS = 65_536

function bucketOf(node: Uint8Array): number {
  return crc32(node) >>> 16
}

/**
 * A tally of any number of nodes in half a megabyte. Each bucket has the sum of its nodes' changes, and the same sum
 * weighted by what the node's key hashes to, so that two wrong counts don't hide each other.
 */
export class SketchTally implements PinTally {
  readonly #sums = new Int32Array(BUCKETS)
  readonly #weighted = new Int32Array(BUCKETS)

  add(node: Uint8Array, change: number): void {
    const weight = crc32(node)
    const bucket = weight >>> 16
    this.#sums[bucket] = (this.#sums[bucket] ?? 0) + change
    this.#weighted[bucket] = (this.#weighted[bucket] ?? 0) + Math.imul(change, weight | 1)
  }

  /** Buckets with a node whose sum isn't 0. */
  wrong(): number[] {
    const wrong: number[] = []
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      if (this.#sums[bucket] !== 0 || this.#weighted[bucket] !== 0) wrong.push(bucket)
    }
    return wrong
  }
}

/** A tally of each node in some buckets. */
export class ExactTally implements PinTally {
  readonly #buckets: ReadonlySet<number>
  readonly #sums = new Map<string, number>()

  constructor(buckets: Iterable<number>) {
    this.#buckets = new Set(buckets)
  }

  add(node: Uint8Array, change: number): void {
    if (!this.#buckets.has(bucketOf(node))) return
    const key = byteKey(node)
    const sum = (this.#sums.get(key) ?? 0) + change
    if (sum === 0) this.#sums.delete(key)
    else this.#sums.set(key, sum)
  }

  /** Nodes whose sum isn't 0, by key. */
  *wrong(): Generator<readonly [node: Uint8Array, change: number], void, void> {
    for (const [key, change] of this.#sums) yield [bytesOfKey(key), change]
  }
}

/** How many buckets an exact tally may have at a time, so that it holds about `maxNodes` of `nodes`. */
export function bucketsWithin(maxNodes: number, nodes: number): number {
  return Math.max(1, Math.floor((maxNodes * BUCKETS) / Math.max(1, nodes)))
}
