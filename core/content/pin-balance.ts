import { crc32 } from 'node:zlib'
import { decode as decodeDigest } from 'multiformats/hashes/digest'
import * as varint from 'uint8-varint'
import { cidOfKey, decodeCounts, decodeRow, nodeOfRow } from './pin-records.ts'

/** Tables of the ledger that say who owns which node. */
export type BalancedTable = 'pin-roots' | 'pin-links' | 'pin-counts' | 'pin-queue'

/**
 * Whether a ledger of pins is true as a whole, as it is after each transaction: as many owners as counts, of the same nodes, and
 * what is at 0 is queued. Gets all entries, in any order, and then tells. Sums of checksums of nodes: a bit that turned in a key or
 * a count shows, in whatever table it is, and no memory is needed. Which node it is, `PinAudit` tells.
 */
export class PinBalance {
  #owned = 0n
  #counted = 0n
  #released = 0n
  #queued = 0n

  /** @throws RangeError where an entry can't be read */
  add(table: BalancedTable, key: Uint8Array, value: Uint8Array): void {
    try {
      this.#add(table, key, value)
    } catch (cause) {
      throw new RangeError('an entry that is none', { cause })
    }
  }

  /** What isn't true; undefined where all is. */
  problem(): string | undefined {
    if (this.#owned !== this.#counted) return 'what pins own and what is counted are not the same'
    if (this.#released !== this.#queued) return 'what pins let go and what is queued are not the same'
    return undefined
  }

  #add(table: BalancedTable, key: Uint8Array, value: Uint8Array): void {
    switch (table) {
      case 'pin-roots':
        cidOfKey(key)
        this.#owned += BigInt(crc32(key))
        return
      case 'pin-links':
        cidOfKey(nodeOfRow(key).node)
        for (const { cid } of decodeRow(value)) {
          if (cid.version !== 1) throw new RangeError('a link of version 0')
          this.#owned += sumOf(cid.multihash.bytes, cid.code)
        }
        return
      case 'pin-counts':
        decodeDigest(key)
        for (const { codec, count } of decodeCounts(value)) {
          const sum = sumOf(key, codec)
          this.#counted += BigInt(count) * sum
          if (count === 0) this.#released += sum
        }
        return
      case 'pin-queue':
        cidOfKey(key)
        this.#queued += BigInt(crc32(key))
    }
  }
}

/** The checksum of a node's key, without making the key. */
function sumOf(hash: Uint8Array, codec: number): bigint {
  return BigInt(crc32(varint.encode(codec), crc32(hash)))
}
