/** How content is cut and laid out. Whoever uses the same profile gets the same CIDs. */
export interface ImportProfile {
  readonly chunkBytes: number
  /** Parts that one node of a file may have. */
  readonly maxLinks: number
  /** A directory whose block would be bigger is sharded. */
  readonly shardThresholdBytes: number
  /** Bits of a name's hash that pick a slot of a shard. */
  readonly shardFanoutBits: number
}

/** `unixfs-v1-2025`: CIDv1, sha2-256, raw leaves, balanced. https://github.com/ipfs/specs/pull/499 */
export const UNIXFS_V1_2025: ImportProfile = Object.freeze({
  chunkBytes: 1024 * 1024,
  maxLinks: 1_024,
  shardThresholdBytes: 256 * 1024,
  shardFanoutBits: 8,
})
