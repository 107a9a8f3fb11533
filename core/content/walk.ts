import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import type { CID } from 'multiformats/cid'
import { byteKey } from '../byte-key.ts'
import { messageOf } from '../errors.ts'
import { cborLinks } from './cbor-links.ts'
import { contentError } from './errors.ts'
import { IDENTITY, isHashAllowed } from './hashes.ts'
import { jsonLinks } from './json-links.ts'
import { countFields } from './pb-fields.ts'

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

/**
 * Links of all the nodes that a walk is within, each about a kilobyte in memory: one block full, or six directories of ten
 * thousand entries within each other. What goes deeper with as many at each level was made to fill the memory.
 */
const MAX_OPEN_LINKS = MAX_LINKS

/**
 * For whoever walks depth first and keeps the links of all the nodes that it is within.
 * @throws SkepError DAG_INVALID where `count` are too many
 */
export function checkOpenLinks(where: string, count: number): void {
  if (count <= MAX_OPEN_LINKS) return
  throw contentError('DAG_INVALID', `${where} and what it lies in have over ${MAX_OPEN_LINKS} links`)
}

/** Of a dag-pb node. https://ipld.io/specs/codecs/dag-pb/spec/#serial-format */
const LINKS_FIELD = 2

/** How many links a dag-pb block has, or that they are too many; 0 for other codecs. Nothing is made of them. */
export function countLinks(cid: CID, bytes: Uint8Array): number {
  return cid.code === dagPb.code ? countFields(bytes, LINKS_FIELD, MAX_LINKS) : 0
}

/** Links by codec; codecs that aren't here have none that we know of. https://ipld.io/specs/codecs/ */
const linkers = new Map<number, (bytes: Uint8Array) => Iterable<DagLink>>([
  [dagPb.code, linksOfPb],
  [dagCbor.code, bytes => cborLinks(bytes).map(cid => ({ cid }))],
  [dagJson.code, bytes => jsonLinks(bytes).map(cid => ({ cid }))],
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

/** Returns how many links there were so far, those of `outer` blocks and those met before counted in. */
function collectLinks(cid: CID, bytes: Uint8Array, into: Map<string, DagLink>, outer = 0): number {
  let count = outer
  for (const link of decodeLinks(cid, bytes)) {
    if (++count > MAX_LINKS) throw tooManyLinks(cid)
    const { code, bytes: hash, digest } = link.cid.multihash
    if (code !== IDENTITY) into.set(`${link.cid.code} ${byteKey(hash)}`, link)
    // Inlined content is shorter than what it is in, and short from the start, so this ends soon.
    else if (isHashAllowed(link.cid)) count = collectLinks(link.cid, digest, into, count)
    else throw contentError('DAG_INVALID', `block ${cid} has ${digest.length} bytes inlined in a link`)
  }
  return count
}

function* decodeLinks(cid: CID, bytes: Uint8Array): Generator<DagLink, void, void> {
  if (countLinks(cid, bytes) > MAX_LINKS) throw tooManyLinks(cid)
  try {
    yield* linkers.get(cid.code)?.(bytes) ?? []
  } catch (cause) {
    const message = `block ${cid} isn't what its codec 0x${cid.code.toString(16)} says: ${messageOf(cause)}`
    throw contentError('DAG_INVALID', message, { cause })
  }
}

function tooManyLinks(cid: CID): Error {
  return contentError('DAG_INVALID', `block ${cid} has over ${MAX_LINKS} links`)
}

function linksOfPb(bytes: Uint8Array): DagLink[] {
  return dagPb.decode(bytes).Links.map(({ Hash, Tsize }) => ({ cid: Hash, totalBytes: Tsize }))
}
