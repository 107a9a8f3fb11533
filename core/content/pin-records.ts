import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { decode as decodeDigest } from 'multiformats/hashes/digest'
import * as varint from 'uint8-varint'
import type { Pin } from '../services/pins.ts'
import type { DagLink } from './walk.ts'

/** How the index and the vault spell what pins know. */

/** Multihash, then codec as a varint: two CIDs that differ in version alone are one node. */
export function nodeKey(cid: CID): Uint8Array {
  return Buffer.concat([cid.multihash.bytes, varint.encode(cid.code)])
}

/** The CIDv1 of a node. */
export function cidOfKey(key: Uint8Array): CID {
  const hashBytes = multihashBytes(key)
  return CID.createV1(varint.decode(key, hashBytes), decodeDigest(key.subarray(0, hashBytes)))
}

function multihashBytes(bytes: Uint8Array): number {
  const code = varint.decode(bytes)
  const codeBytes = varint.encodingLength(code)
  const digestBytes = varint.decode(bytes, codeBytes)
  return codeBytes + varint.encodingLength(digestBytes) + digestBytes
}

/** What is known of one node; a multihash has one of these for each codec it is pinned under, nearly always one. */
export interface NodeCount {
  readonly codec: number
  /** Pinned parents, plus 1 where it is a pinned root. At 0 its children are still to be uncounted. */
  count: number
  /** All its links are saved, and their ends counted. */
  isExpanded: boolean
  /** It and all beneath it are held. */
  isComplete: boolean
}

export function encodeCounts(counts: readonly NodeCount[]): Uint8Array {
  let length = 0
  for (const { codec, count } of counts)
    length += varint.encodingLength(codec) + varint.encodingLength(count) + 1
  const bytes = new Uint8Array(length)
  let at = 0
  for (const { codec, count, isExpanded, isComplete } of counts) {
    varint.encode(codec, bytes, at)
    at += varint.encodingLength(codec)
    varint.encode(count, bytes, at)
    at += varint.encodingLength(count)
    bytes[at] = (isExpanded ? 1 : 0) | (isComplete ? 2 : 0)
    at += 1
  }
  return bytes
}

export function decodeCounts(bytes: Uint8Array | undefined): NodeCount[] {
  const counts: NodeCount[] = []
  for (let at = 0; bytes && at < bytes.length; ) {
    const codec = varint.decode(bytes, at)
    at += varint.encodingLength(codec)
    const count = varint.decode(bytes, at)
    at += varint.encodingLength(count)
    const flags = bytes[at] ?? 0
    at += 1
    counts.push({ codec, count, isExpanded: (flags & 1) !== 0, isComplete: (flags & 2) !== 0 })
  }
  return counts
}

/** A node's links are saved in rows of that many, so that no transaction is long. */
export const LINKS_PER_ROW = 1_024

/** Where a row of a node's links lies: its key, then the row, two bytes. */
export function rowKey(key: Uint8Array, row: number): Uint8Array {
  return Buffer.concat([key, Uint8Array.of(row >>> 8, row & 0xff)])
}

/** Whose links lie at the key of a row, and which row it is. */
export function nodeOfRow(key: Uint8Array): { node: Uint8Array; row: number } {
  const [high = 0, low = 0] = key.subarray(-2)
  return { node: key.subarray(0, -2), row: (high << 8) | low }
}

/** CIDv1 and total bytes (0: unknown) of each link. */
export function encodeRow(links: readonly DagLink[]): Uint8Array {
  return Buffer.concat(
    links.flatMap(({ cid, totalBytes = 0 }) => [cid.toV1().bytes, varint.encode(totalBytes)]),
  )
}

/** The link at `offset` of a row, and the offset behind it; undefined at the end. */
export function readLink(row: Uint8Array, offset: number): { link: DagLink; end: number } | undefined {
  if (offset >= row.length) return undefined
  const [cid, rest] = CID.decodeFirst(row.subarray(offset))
  const totalBytes = varint.decode(rest)
  const end = row.length - rest.length + varint.encodingLength(totalBytes)
  return { link: totalBytes === 0 ? { cid } : { cid, totalBytes }, end }
}

export function* decodeRow(row: Uint8Array): Generator<DagLink, void, void> {
  for (let at = readLink(row, 0); at; at = readLink(row, at.end)) yield at.link
}

export function encodePin({ cid, name, createdMs, state }: Pin): Uint8Array {
  return dagCbor.encode({ cid, createdMs, state, ...(name !== undefined && { name }) })
}

/** @throws TypeError, and what CBOR's reader throws, where it is no pin: only a damaged vault has such */
export function decodePin(bytes: Uint8Array): Pin {
  const saved = dagCbor.decode<Partial<Pin> | null>(bytes) ?? {}
  const { name, createdMs, state } = saved
  const cid = CID.asCID(saved.cid)
  const isNamed = name === undefined || typeof name === 'string'
  if (!cid || typeof createdMs !== 'number' || !isNamed || (state !== 'pinning' && state !== 'pinned'))
    throw new TypeError('it is no pin')
  return { cid, createdMs, state, ...(name !== undefined && { name }) }
}
