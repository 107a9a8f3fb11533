import { hash as digestOf } from 'node:crypto'

/** Bytes of a place in Kademlia's key space. */
const PLACE_BYTES = 32

/**
 * Where a key, such as a multihash or the id of a peer as bytes, lies among all others.
 * https://github.com/libp2p/specs/blob/master/kad-dht/README.md#distance
 */
export function placeOf(key: Uint8Array): Uint8Array {
  return digestOf('sha256', key, 'buffer')
}

/** How many bits two places share before they differ. */
export function sharedBits(one: Uint8Array, other: Uint8Array): number {
  for (let index = 0; index < PLACE_BYTES; index++) {
    const difference = (one[index] ?? 0) ^ (other[index] ?? 0)
    if (difference !== 0) return index * 8 + Math.clz32(difference) - 24
  }
  return PLACE_BYTES * 8
}

/** A place as a share of the whole space, from 0 to below 1. */
export function shareOf(place: Uint8Array): number {
  return Buffer.from(place.buffer, place.byteOffset, 6).readUIntBE(0, 6) / 2 ** 48
}
