import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { type ContentPath, parseContentPath } from '../../../../core/content/content-path.ts'
import { namesOf } from '../../../../core/content/names.ts'
import {
  decodeListed,
  decodeUnixfs,
  encodeDirectory,
  encodeFile,
  encodeShard,
  encodeSmallFile,
  encodeSymlink,
  type UnixfsNode,
} from '../../../../core/content/unixfs-node.ts'
import { linksOf } from '../../../../core/content/walk.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import { bytesOf, cids, partial, record, smallBytes, textOf, texts, textsOf, utf8 } from '../values.ts'

const BLOCK = createDigest(0x12, new Uint8Array(32))
const PB_BLOCK = CID.createV1(dagPb.code, BLOCK)

const attributes = partial({
  mode: fc.nat(0o7777),
  mtimeMs: fc.integer({ min: -(2 ** 40), max: 2 ** 42 }),
})
const sizes = fc.nat(2 ** 40)
const entryNames = textsOf('abcXYZ.-_ äß€😀', { minLength: 1, maxLength: 12 })

const unixfsNodes = fc.oneof(
  record({ type: fc.constant('file' as const), data: smallBytes, of: attributes }),
  record({
    type: fc.constant('parts' as const),
    parts: fc.array(record({ cid: cids, size: sizes, totalBytes: sizes }), { minLength: 1, maxLength: 4 }),
    of: attributes,
  }),
  record({ type: fc.constant('symlink' as const), target: texts, of: attributes }),
  record({
    type: fc.constant('directory' as const),
    links: fc.uniqueArray(record({ name: entryNames, cid: cids, totalBytes: sizes }), {
      maxLength: 4,
      selector: ({ name }) => name,
    }),
    of: attributes,
  }),
  record({
    type: fc.constant('shard' as const),
    slots: fc
      .uniqueArray(record({ slot: fc.nat(255), name: entryNames, cid: cids, totalBytes: sizes }), {
        maxLength: 4,
        selector: ({ slot }) => slot,
      })
      .map(slots => slots.sort((a, b) => a.slot - b.slot)),
    bits: fc.constant(8),
    of: attributes,
  }),
)

type MadeNode = typeof unixfsNodes extends fc.Arbitrary<infer T> ? T : never

function encodeUnixfs(node: MadeNode): Uint8Array {
  switch (node.type) {
    case 'file':
      return encodeSmallFile(node.data, node.of)
    case 'parts':
      return encodeFile(node.parts, node.of)
    case 'symlink':
      return encodeSymlink(node.target, node.of)
    case 'directory':
      return encodeDirectory(node.links, node.of)
    case 'shard':
      return encodeShard(node.slots, node.bits, node.of)
  }
}

/** What was decoded, as it was made; undefined for what we make no other way, such as another order or a lie about sizes. */
function madeNode(node: UnixfsNode): MadeNode | undefined {
  const { mode, mtimeMs } = node
  if (mtimeMs !== undefined && !Number.isSafeInteger(mtimeMs)) return undefined
  const of = { ...(mode !== undefined && { mode }), ...(mtimeMs !== undefined && { mtimeMs }) }
  if (node.type === 'symlink') return { type: 'symlink', target: node.target, of }
  if (node.type === 'file' && node.parts.length === 0)
    return { type: 'file', data: Uint8Array.from(node.data), of }
  const links = node.type === 'file' ? node.parts : node.links
  const made = links.map(link => ({
    name: '',
    ...link,
    cid: link.cid.toV1(),
    totalBytes: link.totalBytes ?? -1,
  }))
  const isMade = made.every(
    ({ name, totalBytes }) => totalBytes >= 0 && isSafe(totalBytes) && name.isWellFormed(),
  )
  if (!isMade) return undefined
  if (node.type === 'directory') return { type: 'directory', links: made, of }
  if (node.type === 'file') {
    const parts = made.map((link, place) => ({ ...link, size: node.parts[place]?.size ?? 0 }))
    return node.data.length === 0 && parts.every(({ size }) => isSafe(size))
      ? { type: 'parts', parts, of }
      : undefined
  }
  if (node.type !== 'shard' || node.bits !== 8) return undefined
  const slots = made.map(({ name, ...link }) => ({
    ...link,
    slot: /^[0-9A-F]{2}/.test(name) ? Number.parseInt(name.slice(0, 2), 16) : -1,
    name: name.slice(2),
  }))
  const rise = slots.every(({ slot }, place) => slot > (slots[place - 1]?.slot ?? -1))
  return rise ? { type: 'shard', slots, bits: 8, of } : undefined
}

function isSafe(bytes: number): boolean {
  return Number.isSafeInteger(bytes)
}

function unixfsMeaning(node: MadeNode): unknown {
  const { mode, mtimeMs } = node.of
  // A mode that goes without saying is left out, and read as none.
  const attributes = [mode === 0o644 || mode === 0o755 ? undefined : mode, mtimeMs]
  switch (node.type) {
    case 'file':
      return ['file', Buffer.from(node.data).toString('hex'), attributes]
    case 'parts':
      return ['parts', node.parts.map(part => [linkMeaning(part), part.size]), attributes]
    case 'symlink':
      return ['symlink', node.target, attributes]
    case 'directory':
      return ['directory', node.links.map(link => [link.name, linkMeaning(link)]).sort(), attributes]
    case 'shard':
      return ['shard', node.slots.map(link => [link.slot, link.name, linkMeaning(link)]), attributes]
  }
}

function linkMeaning({ cid, totalBytes }: { readonly cid: CID; readonly totalBytes: number }): string {
  return `${bytesOf(cid)} ${totalBytes}`
}

/** A codec's blocks: what they link to is asked of all that comes from peers. `encode` makes one that has these links. */
function linkTarget(
  name: string,
  codec: number,
  encode: (links: readonly CID[]) => Uint8Array,
  covers: readonly string[] = [],
): FuzzTarget {
  const block = CID.createV1(codec, BLOCK)
  return fuzzTarget<readonly CID[]>({
    name,
    covers: ['core/content/walk.ts#linksOf', ...covers],
    shape: codec === dagJson.code ? 'text' : codec === dagPb.code ? 'protobuf' : 'bytes',
    words: ['{"/":"', '{"/":{"bytes":"', '[', '{"a":', 'bafk'],
    values: fc.array(cids, { maxLength: 4 }),
    encode,
    decode: bytes => linksOf(block, bytes).map(({ cid }) => cid),
    // A CID of version 0 with a hash that it can't say is let through here, and refused where it is asked for.
    toValue: links => links.map(cid => cid.toV1()),
    meaningOf: links => [...new Set(links.map(cid => bytesOf(cid.toV1())))],
    mayThrow: ['DAG_INVALID'],
  })
}

const paths: fc.Arbitrary<ContentPath> = record({
  root: cids.filter(({ code }) => code !== 0x72),
  names: fc.array(textsOf('abcXYZ.-_ äß€😀%?#', { minLength: 1, maxLength: 8 }), { maxLength: 4 }),
})

export const CONTENT_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<MadeNode, UnixfsNode>({
    name: 'unixfs',
    covers: ['core/content/unixfs-node.ts#decodeUnixfs', 'core/content/unixfs-node.ts#decodeListed'],
    shape: 'protobuf',
    values: unixfsNodes,
    encode: encodeUnixfs,
    decode: bytes => {
      // What is malformed may be listed as something that it isn't: opening it tells.
      decodeListed(PB_BLOCK, bytes)
      return decodeUnixfs(PB_BLOCK, bytes)
    },
    toValue: madeNode,
    meaningOf: unixfsMeaning,
    mayThrow: ['NOT_UNIXFS'],
  }),
  linkTarget('links-pb', dagPb.code, links =>
    dagPb.encode({ Data: utf8('any'), Links: links.map(cid => ({ Name: '', Tsize: 1, Hash: cid })) }),
  ),
  linkTarget('links-cbor', dagCbor.code, links => dagCbor.encode({ a: [[links], 'text', null], b: 1.5 }), [
    'core/content/cbor-links.ts#cborLinks',
  ]),
  linkTarget('links-json', dagJson.code, links => dagJson.encode({ a: [[links], 'text', null], b: 1.5 }), [
    'core/content/json-links.ts#jsonLinks',
  ]),
  fuzzTarget<ContentPath>({
    name: 'content-path',
    covers: ['core/content/content-path.ts#parseContentPath'],
    shape: 'text',
    words: [
      '/ipfs/',
      'ipfs://',
      'bafy',
      'bafk',
      'Qm',
      'k51',
      'f01',
      'z',
      'u',
      'B',
      '%2F',
      '%00',
      '//',
      '/../',
    ],
    values: paths,
    encode: ({ root, names }) => utf8(`/ipfs/${[root, ...names].join('/')}`),
    decode: bytes => parseContentPath(textOf(bytes)),
    // What the control server takes.
    maxInputBytes: 4096,
    // A name with a slash, from percent-encoding, is no path when written plainly.
    toValue: path => (path.names.some(name => name === '' || name.includes('/')) ? undefined : path),
    meaningOf: ({ root, names }) => [bytesOf(root.toV1()), names],
    mayThrow: ['CID_INVALID', 'PATH_NOT_FOUND'],
  }),
  fuzzTarget<readonly string[]>({
    name: 'entry-path',
    covers: ['core/content/names.ts#namesOf'],
    shape: 'text',
    words: ['/', '..', '.', '\0', 'a/b', '//'],
    values: fc.uniqueArray(
      entryNames.filter(name => !/^\.{1,2}$/.test(name)),
      { maxLength: 6 },
    ),
    encode: names => utf8(names.join('/')),
    decode(bytes) {
      const names = namesOf(textOf(bytes))
      for (const name of names)
        if (/^$|^\.{1,2}$|[/\0]/.test(name)) throw new Error(`${name} leaves its directory`)
      return names
    },
    mayThrow: ['ENTRY_INVALID'],
  }),
]
