import * as dagPb from '@ipld/dag-pb'
import { Node } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { messageOf } from '../errors.ts'
import type { EntryAttributes } from './content.ts'
import { contentError } from './errors.ts'
import { MAX_BLOCK_BYTES } from './hashes.ts'
import { onlyField } from './pb-fields.ts'
import { encodeData } from './unixfs-data.ts'
import { MAX_LINKS } from './walk.ts'

/** A block of a file, directory or symlink, as UnixFS means it. https://specs.ipfs.tech/unixfs/ */
export type UnixfsNode = FileNode | DirectoryNode | ShardNode | SymlinkNode

/** A file, or a part of one: its own bytes, then those of its parts. */
export interface FileNode extends EntryAttributes {
  readonly type: 'file'
  readonly data: Uint8Array
  readonly parts: readonly FilePart[]
  /** File bytes in this block and beneath it. */
  readonly size: number
}

export interface FilePart {
  readonly cid: CID
  /** File bytes in the part, all levels. */
  readonly size: number
  /** Block bytes of the part and all beneath it, as the parent claims. */
  readonly totalBytes?: number
}

export interface DirectoryNode extends EntryAttributes {
  readonly type: 'directory'
  readonly links: readonly DirectoryLink[]
}

export interface DirectoryLink {
  readonly name: string
  readonly cid: CID
  /** Block bytes of the entry and all beneath it, as the directory claims. */
  readonly totalBytes?: number
}

/** One shard of a directory that is spread over a hash trie. Names start with the slot, in `prefixLength` hex digits. */
export interface ShardNode extends EntryAttributes {
  readonly type: 'shard'
  readonly links: readonly DirectoryLink[]
  /** Bits of a name's hash that pick a slot. */
  readonly bits: number
  readonly prefixLength: number
}

export interface SymlinkNode extends EntryAttributes {
  readonly type: 'symlink'
  readonly target: string
}

/** Of a dag-pb node. https://ipld.io/specs/codecs/dag-pb/spec/#serial-format */
const DATA_FIELD = 1

/** What Kubo and the specification allow: a power of two, at most this. */
const MAX_FANOUT = 1_024

/** Of what is decoded, each an object of some hundred bytes. */
const LIMITS = { links: MAX_LINKS, data: { blockSizes: MAX_LINKS } }

/** murmur3-x64-64, the only one in use. */
const SHARD_HASH = 0x22n

/** A target may begin with what looks like a byte order mark. */
const TARGET_TEXT = new TextDecoder('utf-8', { ignoreBOM: true })

/** @throws SkepError NOT_UNIXFS */
export function decodeUnixfs(cid: CID, bytes: Uint8Array): UnixfsNode {
  if (cid.code === raw.code) return { type: 'file', data: bytes, parts: [], size: bytes.length }
  if (cid.code !== dagPb.code) throw notUnixfs(cid, `its codec is 0x${cid.code.toString(16)}`)
  let node: Node
  let links: DirectoryLink[]
  try {
    node = Node.decode(bytes, { limits: LIMITS })
    links = node.links.map(({ hash, name = '', tSize }) => ({
      name,
      cid: CID.decode(hash ?? new Uint8Array()),
      totalBytes: tSize === undefined ? undefined : toSize(tSize),
    }))
  } catch (cause) {
    throw notUnixfs(cid, messageOf(cause), cause)
  }
  const { data } = node
  if (!data) throw notUnixfs(cid, 'it has no UnixFS data')
  const attributes = attributesIn(data)
  switch (data.type) {
    case 'DIRECTORY':
      return { type: 'directory', links, ...attributes }
    case 'HAMT_SHARD':
      return { type: 'shard', links, ...shardLayout(cid, data, links.length), ...attributes }
    case 'SYMLINK':
      return { type: 'symlink', target: TARGET_TEXT.decode(data.data), ...attributes }
    case 'METADATA':
      throw notUnixfs(cid, 'it is of type metadata')
    default:
      return { type: 'file', ...fileContent(cid, data, links), ...attributes }
  }
}

/**
 * {@link decodeUnixfs}, but of a directory nothing is made of its links: whoever lists the one that it is in needs none.
 * @throws SkepError NOT_UNIXFS
 */
export function decodeListed(cid: CID, bytes: Uint8Array): UnixfsNode {
  const isDirectory = cid.code === dagPb.code && typeIn(bytes) === 'DIRECTORY'
  return isDirectory ? { type: 'directory', links: [] } : decodeUnixfs(cid, bytes)
}

/** Undefined where it can't be read: decoding all of it tells why. */
function typeIn(bytes: Uint8Array): string | undefined {
  try {
    return Node.decode(onlyField(bytes, DATA_FIELD), { limits: LIMITS }).data?.type
  } catch {
    return undefined
  }
}

type Data = NonNullable<Node['data']>

function fileContent(cid: CID, { data = new Uint8Array(), blockSizes }: Data, links: DirectoryLink[]) {
  if (links.length !== blockSizes.length) {
    throw notUnixfs(cid, `it has ${links.length} parts and ${blockSizes.length} sizes of parts`)
  }
  const parts = links.map(
    (link, position): FilePart => ({
      cid: link.cid,
      size: toSize(blockSizes[position] ?? 0n),
      totalBytes: link.totalBytes,
    }),
  )
  const size = parts.reduce((sum, part) => sum + part.size, data.length)
  if (!Number.isSafeInteger(size)) throw notUnixfs(cid, `it says it has ${size} bytes`)
  return { data, parts, size }
}

function shardLayout(
  cid: CID,
  { fanOut = 0n, hashType }: Data,
  links: number,
): { bits: number; prefixLength: number } {
  const bits = Math.log2(Number(fanOut))
  if (hashType !== SHARD_HASH) throw notUnixfs(cid, `its names are hashed with ${hashType}`)
  if (!Number.isInteger(bits) || bits < 1 || fanOut > MAX_FANOUT) {
    throw notUnixfs(cid, `it is a shard of ${fanOut} slots`)
  }
  if (links > fanOut) throw notUnixfs(cid, `it is a shard of ${fanOut} slots with ${links} links`)
  return { bits, prefixLength: (fanOut - 1n).toString(16).length }
}

function attributesIn({ mode, mtime }: Data): EntryAttributes {
  return {
    ...(mode !== undefined && { mode: mode & 0o7777 }),
    ...(mtime && { mtimeMs: Number(mtime.seconds ?? 0n) * 1e3 + (mtime.fractionalNanoseconds ?? 0) / 1e6 }),
  }
}

/** Lies about sizes end as too big a number to be safe, and that is checked. */
function toSize(bytes: bigint): number {
  return Number(bytes)
}

/** How big the block at the end of a link may be. */
export function blockHint({ totalBytes }: { readonly totalBytes?: number }): number | undefined {
  return totalBytes ? Math.min(totalBytes, MAX_BLOCK_BYTES) : undefined
}

function notUnixfs(cid: CID, why: string, cause?: unknown) {
  return contentError('NOT_UNIXFS', `block ${cid} is no file or directory: ${why}`, { cause })
}

/** A link to something that was imported. */
export interface MadeLink {
  readonly cid: CID
  /** Block bytes of it and all beneath it. */
  readonly totalBytes: number
}

/** A node of file parts. */
export function encodeFile(
  parts: readonly (MadeLink & { readonly size: number })[],
  of: EntryAttributes,
): Uint8Array {
  const blockSizes = parts.map(({ size }) => size)
  const fileSize = blockSizes.reduce((sum, size) => sum + size, 0)
  const Data = encodeData({ type: 'file', fileSize, blockSizes, ...attributesOf(of) })
  return dagPb.encode({ Data, Links: parts.map(part => pbLink('', part)) })
}

/** A whole small file with its attributes in one node. */
export function encodeSmallFile(data: Uint8Array, of: EntryAttributes): Uint8Array {
  const Data = encodeData({ type: 'file', data, fileSize: data.length, ...attributesOf(of) })
  return dagPb.encode({ Data, Links: [] })
}

export function encodeSymlink(target: string, of: EntryAttributes): Uint8Array {
  const data = new TextEncoder().encode(target)
  return dagPb.encode({ Data: encodeData({ type: 'symlink', data, ...attributesOf(of) }), Links: [] })
}

/** A directory in one block. */
export function encodeDirectory(
  links: readonly (MadeLink & { readonly name: string })[],
  of: EntryAttributes,
): Uint8Array {
  const Data = encodeData({ type: 'directory', ...attributesOf(of) })
  return dagPb.encode(dagPb.prepare({ Data, Links: links.map(link => pbLink(link.name, link)) }))
}

/** One shard: what is in its slots, in order. */
export function encodeShard(
  slots: readonly (MadeLink & { readonly slot: number; readonly name: string })[],
  bits: number,
  of: EntryAttributes,
): Uint8Array {
  const fanout = 2 ** bits
  const { length: prefixLength } = (fanout - 1).toString(16)
  const Data = encodeData({
    type: 'shard',
    data: bitFieldOf(slots.map(({ slot }) => slot)),
    hashType: Number(SHARD_HASH),
    fanout,
    ...attributesOf(of),
  })
  const Links = slots.map(link => pbLink(slotPrefix(link.slot, prefixLength) + link.name, link))
  return dagPb.encode({ Data, Links })
}

/** How a shard's links spell their slot. */
export function slotPrefix(slot: number, prefixLength: number): string {
  return slot.toString(16).toUpperCase().padStart(prefixLength, '0')
}

/** A big-endian number with a bit for each slot that is taken; `slots` rise. */
function bitFieldOf(slots: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(((slots.at(-1) ?? 0) >>> 3) + 1)
  for (const slot of slots) {
    const at = bytes.length - 1 - (slot >>> 3)
    bytes[at] = (bytes[at] ?? 0) | (1 << (slot & 7))
  }
  return bytes
}

function pbLink(Name: string, { cid, totalBytes }: MadeLink): dagPb.PBLink {
  return { Name, Tsize: totalBytes, Hash: cid }
}

function attributesOf({ mode, mtimeMs }: EntryAttributes): EntryAttributes {
  return { mode: mode === undefined ? undefined : mode & 0o7777, mtimeMs }
}
