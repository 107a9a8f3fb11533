import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { decode } from 'multiformats/hashes/digest'
import { isHashAllowed, verifyLargeBlock } from '../../core/api.ts'

/** Blocks are known by multihash alone; a CID is needed to hash and to ask peers, and any codec does. */
export function cidOfHash(hash: Uint8Array): CID {
  return CID.createV1(raw.code, decode(hash))
}

/** True where `bytes` hash to `hash`. What has a hash function that isn't known here can't be judged and counts as good. */
export async function isIntact(hash: Uint8Array, bytes: Uint8Array): Promise<boolean> {
  const cid = cidOfHash(hash)
  return !isHashAllowed(cid) || (await verifyLargeBlock(cid, bytes))
}
