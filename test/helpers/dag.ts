import * as dagCbor from '@ipld/dag-cbor'
import * as dagPb from '@ipld/dag-pb'
import fc from 'fast-check'
import type { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { cidOf } from '../../core/content/hashes.ts'
import { createMemoryStorage } from '../../core/storage/memory.ts'
import type { Storage } from '../../core/storage/storage.ts'

const MIB = 1024 * 1024

export interface Dag {
  /** Children come before parents; the last is the root of most. */
  readonly cids: readonly CID[]
  readonly storage: Storage
}

/** A DAG whose node `at` links to earlier ones: leaves are raw, others dag-cbor and dag-pb in turn. */
export async function makeDag(links: readonly (readonly number[])[]): Promise<Dag> {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  const cids: CID[] = []
  for (const [at, targets] of links.entries()) {
    const ends = targets.map(target => cids[target]).filter(end => end !== undefined)
    const [codec, bytes] = encodeNode(at, ends)
    const cid = cidOf(codec, bytes)
    await storage.blocks.put(cid, bytes)
    cids.push(cid)
  }
  return { cids, storage }
}

function encodeNode(at: number, ends: readonly CID[]): readonly [codec: number, bytes: Uint8Array] {
  if (ends.length === 0) return [raw.code, Uint8Array.of(at, at >>> 8)]
  if (at % 2 === 0) return [dagCbor.code, dagCbor.encode({ at, ends: [...ends, ends[0]] })]
  const Links = ends.map(Hash => ({ Name: '', Tsize: 10, Hash }))
  return [dagPb.code, dagPb.encode({ Data: Uint8Array.of(at, at >>> 8), Links })]
}

const arbitraryLinks = fc.array(fc.uniqueArray(fc.nat(30), { maxLength: 6 }), { minLength: 1, maxLength: 25 })
/** For each node the earlier ones that it links to. */
export const arbitraryDag = arbitraryLinks.map(links => links.map((ends, at) => ends.filter(end => end < at)))
