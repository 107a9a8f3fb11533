import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { messageOf } from '../errors.ts'
import { contentError } from './errors.ts'
import { IDENTITY } from './hashes.ts'

/** One edge of a DAG. */
export interface DagLink {
  readonly cid: CID
  /** Bytes of the block and all beneath it, where the parent says so: a claim, not a fact. */
  readonly totalBytes?: number
}

/** More levels than any path on disk has names; what is deeper was made to exhaust somebody. */
export const MAX_DAG_DEPTH = 2_048

/** More than fit into a block of 2 MiB where each has a hash of 32 bytes. */
export const MAX_LINKS = 65_536

/** Links by codec; codecs that aren't here have none that we know of. https://ipld.io/specs/codecs/ */
const linkers = new Map<number, (bytes: Uint8Array) => Iterable<DagLink>>([
  [dagPb.code, linksOfPb],
  [dagCbor.code, bytes => linksOfValue(dagCbor.decode(bytes))],
  [dagJson.code, bytes => linksOfValue(dagJson.decode(bytes))],
])

/** True where blocks of this codec may link to others. */
export function mayHaveLinks(cid: CID): boolean {
  return linkers.has(cid.code)
}

/**
 * The blocks that a block links to, each once, in order. A link to inlined content (identity CID) counts as what that
 * links to: there is no block behind it.
 *
 * @throws SkepError DAG_INVALID
 */
export function linksOf(cid: CID, bytes: Uint8Array): DagLink[] {
  const links = new Map<string, DagLink>()
  collectLinks(cid, bytes, links)
  return [...links.values()]
}

function collectLinks(cid: CID, bytes: Uint8Array, into: Map<string, DagLink>): void {
  for (const link of decodeLinks(cid, bytes)) {
    const { code, bytes: hash, digest } = link.cid.multihash
    // Inlined content is shorter than the block it is in, so this ends.
    if (code === IDENTITY) collectLinks(link.cid, digest, into)
    else into.set(`${link.cid.code} ${Buffer.from(hash).toString('latin1')}`, link)
    if (into.size > MAX_LINKS) throw contentError('DAG_INVALID', `block ${cid} has over ${MAX_LINKS} links`)
  }
}

function decodeLinks(cid: CID, bytes: Uint8Array): Iterable<DagLink> {
  try {
    return linkers.get(cid.code)?.(bytes) ?? []
  } catch (cause) {
    const message = `block ${cid} isn't what its codec 0x${cid.code.toString(16)} says: ${messageOf(cause)}`
    throw contentError('DAG_INVALID', message, { cause })
  }
}

function linksOfPb(bytes: Uint8Array): DagLink[] {
  return dagPb.decode(bytes).Links.map(({ Hash, Tsize }) => ({ cid: Hash, totalBytes: Tsize }))
}

function linksOfValue(root: unknown): DagLink[] {
  const links: DagLink[] = []
  const values: unknown[] = [root]
  while (values.length > 0) {
    const value = values.pop()
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) continue
    const cid = CID.asCID(value)
    if (cid) links.push({ cid })
    else for (const inner of Object.values(value).reverse()) values.push(inner)
  }
  return links
}
