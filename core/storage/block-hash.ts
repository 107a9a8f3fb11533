import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { decode } from 'multiformats/hashes/digest'
import { verifyBlock } from '../content/hashes.ts'

/** True where `bytes` are what the multihash `hash` names. False also for what is no multihash, or of an unknown function. */
export function isBlockOf(hash: Uint8Array, bytes: Uint8Array): boolean {
  try {
    return verifyBlock(CID.createV1(raw.code, decode(hash)), bytes)
  } catch {
    return false
  }
}
