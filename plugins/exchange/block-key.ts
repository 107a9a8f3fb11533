import type { CID } from 'multiformats/cid'
import { byteKey } from '../../core/api.ts'

/** What two CIDs of one block share, as a map's key. */
export function keyOf(cid: CID): string {
  return byteKey(cid.multihash.bytes)
}
