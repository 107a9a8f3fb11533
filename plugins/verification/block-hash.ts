import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { decode } from 'multiformats/hashes/digest'
import { isHashAllowed, verifyLargeBlock } from '../../core/api.ts'

/** Blocks are known by multihash alone; a CID is needed to hash and to ask peers, and any codec does. */
export function cidOfHash(hash: Uint8Array): CID {
  return CID.createV1(raw.code, decode(hash))
}

/** False of a key that a damaged index has, and that names nothing. */
export function isMultihash(hash: Uint8Array): boolean {
  try {
    decode(hash)
    return true
  } catch {
    return false
  }
}

/** True where `bytes` hash to `hash`. What has a hash function that isn't known here can't be judged and counts as good. */
export async function isIntact(hash: Uint8Array, bytes: Uint8Array): Promise<boolean> {
  if (!isMultihash(hash)) return false
  const cid = cidOfHash(hash)
  return !isHashAllowed(cid) || (await verifyLargeBlock(cid, bytes))
}
