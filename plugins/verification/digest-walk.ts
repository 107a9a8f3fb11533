import { decode } from 'multiformats/hashes/digest'
import type { BlockEntry, BlockStore } from '../../core/api.ts'

/** A block, and where it stands. */
export interface Stop extends BlockEntry {
  readonly digest: Uint8Array
}

/** Digests are at most that long; a key with so many set bits behind its prefix is past all others of the prefix. */
const MAX_DIGEST_BYTES = 104
const LAST_DIGEST = new Uint8Array(MAX_DIGEST_BYTES).fill(0xff)

/**
 * The held block with the lowest digest above `after`, undefined where there is none.
 *
 * Keys sort by hash function first and digest then. Going by digest alone, over all functions at a time, makes the place
 * in the walk a share of all blocks, as digests are spread evenly.
 */
export function nextBlock(blocks: Pick<BlockStore, 'list'>, after: Uint8Array | undefined): Stop | undefined {
  let lowest: Stop | undefined
  // One turn for each hash function in use, rarely more than one.
  for (let first = blocks.list({ limit: 1 })[0]; first; ) {
    const { prefix } = partsOf(first.hash)
    const found = after ? blocks.list({ after: Buffer.concat([prefix, after]), limit: 1 })[0] : first
    const parts = found && partsOf(found.hash)
    if (parts && Buffer.compare(parts.prefix, prefix) === 0) {
      const stop = { ...found, digest: parts.digest }
      if (!lowest || Buffer.compare(stop.digest, lowest.digest) < 0) lowest = stop
    }
    const [next] = blocks.list({ after: Buffer.concat([prefix, LAST_DIGEST]), limit: 1 })
    // Keys of a damaged index may be out of order: that is to end, too.
    first = next && Buffer.compare(next.hash, first.hash) > 0 ? next : undefined
  }
  return lowest
}

/**
 * Code and length of the hash, and the digest. A key that is no multihash, in a damaged index, stands by itself and comes first.
 */
function partsOf(hash: Uint8Array): { readonly prefix: Uint8Array; readonly digest: Uint8Array } {
  try {
    const { digest } = decode(hash)
    return { prefix: hash.subarray(0, hash.length - digest.length), digest }
  } catch {
    return { prefix: hash, digest: Uint8Array.of(0) }
  }
}

/** Where a digest stands among all there can be, from 0 to below 1. */
export function shareOf(digest: Uint8Array): number {
  const first = Buffer.alloc(6)
  first.set(digest.subarray(0, 6))
  return first.readUIntBE(0, 6) / 2 ** 48
}
