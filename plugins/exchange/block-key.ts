import type { CID } from 'multiformats/cid'

/** What two CIDs of one block share, as a map's key. */
export function keyOf(cid: CID): string {
  return keyOfHash(cid.multihash.bytes)
}

export function keyOfHash({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
}
