import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { create as createDigest } from 'multiformats/hashes/digest'
import t from 'tap'
import { cidOf } from '../../../core/content/hashes.ts'
import { linksOf, MAX_LINKS, mayHaveLinks } from '../../../core/content/walk.ts'
import { isSkepError } from '../../../core/errors.ts'

const a = cidOf(raw.code, Uint8Array.of(1))
const b = cidOf(raw.code, Uint8Array.of(2))
const linkTexts = (codec: number, bytes: Uint8Array): string[] =>
  linksOf(cidOf(codec, bytes), bytes).map(({ cid }) => cid.toString())

t.test('links by codec, each once, in order', async t => {
  const value = { z: [a, { deep: b, again: a }], none: null, bytes: a.bytes }
  const both = [a.toString(), b.toString()]
  t.same(linkTexts(dagCbor.code, dagCbor.encode(value)), both)
  t.same(linkTexts(dagJson.code, dagJson.encode(value)), both)
  const Links = [a, b, a].map(Hash => ({ Name: '', Tsize: 7, Hash }))
  const block = dagPb.encode({ Links })
  t.same(linkTexts(dagPb.code, block), both)
  t.match(linksOf(cidOf(dagPb.code, block), block), [{ totalBytes: 7 }, { totalBytes: 7 }])
  t.same(linkTexts(raw.code, a.bytes), [])
  t.same(linkTexts(0x78, a.bytes), [], 'an unknown codec')
})

t.test('one multihash under two codecs is two nodes', async t => {
  const asPb = CID.createV1(dagPb.code, a.multihash)
  t.same(linkTexts(dagCbor.code, dagCbor.encode([a, asPb])), [a.toString(), asPb.toString()])
  t.ok(mayHaveLinks(asPb))
  t.notOk(mayHaveLinks(a))
})

t.test('inlined content counts as what it links to', async t => {
  const inner = CID.createV1(dagCbor.code, createDigest(0, dagCbor.encode([a])))
  const outer = CID.createV1(dagCbor.code, createDigest(0, dagCbor.encode([inner, b])))
  t.same(linkTexts(dagCbor.code, dagCbor.encode([outer])), [a.toString(), b.toString()])
})

t.test('malformed blocks, blocks made to exhaust', async t => {
  const nested = new Uint8Array(1_000_000).fill(0x81)
  for (const [codec, bytes] of [
    [dagCbor.code, Uint8Array.of(0xff)],
    [dagCbor.code, nested],
    [dagJson.code, new TextEncoder().encode('{')],
    [dagPb.code, Uint8Array.of(0x08)],
  ] as const) {
    t.throws(() => linksOf(cidOf(codec, bytes), bytes), { code: 'DAG_INVALID' })
  }
  const inlined = Array.from({ length: MAX_LINKS + 1 }, (_, at) =>
    CID.createV1(
      raw.code,
      createDigest(0x12, Buffer.concat([Buffer.alloc(28), Buffer.from([at >>> 16, at >>> 8, at, 0])])),
    ),
  )
  const bytes = dagCbor.encode(inlined)
  t.throws(() => linksOf(cidOf(dagCbor.code, bytes), bytes), {
    code: 'DAG_INVALID',
    message: /over 65536 links/,
  })
})

/** Far below what a decoder would take for each of these, and far above what they take. */
const LIMIT_MS = 2000

t.test(
  'what would keep a decoder busy for seconds is skimmed, or refused for its number of links',
  async t => {
    const million = 1_000_000
    const repeated = (unit: number[]) => Buffer.alloc(unit.length * 250_000, Uint8Array.from(unit))
    const list = (items: Uint8Array, count: number) => {
      const head = Buffer.from([0x9a, 0, 0, 0, 0])
      head.writeUInt32BE(count, 1)
      return Buffer.concat([head, items])
    }
    for (const [codec, bytes] of [
      [dagCbor.code, list(Buffer.alloc(2 * million, 0x80), 2 * million)],
      [dagCbor.code, list(Buffer.alloc(2 * million, 0xa0), 2 * million)],
      [dagJson.code, Buffer.from(`${'['.repeat(million)}${']'.repeat(million)}`)],
    ] as const) {
      const startMs = performance.now()
      t.same(linkTexts(codec, bytes), [])
      t.ok(performance.now() - startMs < LIMIT_MS)
    }
    for (const [codec, bytes] of [
      [dagPb.code, Buffer.alloc(2 * million, Uint8Array.of(0x12, 0))],
      [dagPb.code, repeated([0x12, 0x86, 0x80, 0, 0x0a, 4, 1, 0x55, 0, 0])],
      [dagCbor.code, list(repeated([0xd8, 42, 0x45, 0, 1, 0x55, 0, 0]), 250_000)],
    ] as const) {
      const startMs = performance.now()
      t.throws(() => linksOf(cidOf(codec, bytes), bytes), {
        code: 'DAG_INVALID',
        message: /over 65536 links/,
      })
      t.ok(performance.now() - startMs < LIMIT_MS)
    }
  },
)

t.test('content that is inlined in a link is short', async t => {
  const inlined = CID.createV1(raw.code, createDigest(0, new Uint8Array(129)))
  const bytes = dagCbor.encode([inlined])
  t.throws(() => linksOf(cidOf(dagCbor.code, bytes), bytes), {
    code: 'DAG_INVALID',
    message: /129 bytes inlined/,
  })
})

t.test('property: the links that a decoder of DAG-CBOR and DAG-JSON finds', async t => {
  const cids = [a, b, CID.createV1(dagPb.code, a.multihash), cidOf(dagPb.code, Uint8Array.of(3)).toV0()]
  const { value } = fc.letrec(tie => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom(...cids),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.constantFrom(null, true, false),
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array({ maxLength: 300 }),
      fc.array(tie('value'), { maxLength: 30 }),
      fc.dictionary(
        fc.string().filter(key => key !== '/' && key !== '__proto__'),
        tie('value'),
      ),
    ),
  }))
  const found = (root: unknown): string[] => {
    const cid = CID.asCID(root)
    if (cid) return [String(cid)]
    if (typeof root !== 'object' || root === null || ArrayBuffer.isView(root)) return []
    return Object.values(root).flatMap(found)
  }
  const each = (texts: string[]) => {
    const nodes = texts
      .map(text => CID.parse(text))
      .map(({ code, multihash }) => String(CID.createV1(code, multihash)))
    return [...new Set(nodes)].sort()
  }
  fc.assert(
    fc.property(value, root => {
      for (const { code, encode, decode } of [dagCbor, dagJson]) {
        const bytes = encode(root)
        const expected = each(found(decode(bytes)))
        const actual = each(linkTexts(code, bytes))
        if (expected.join() !== actual.join()) throw new Error(`expected ${expected}, got ${actual}`)
      }
    }),
  )
  t.pass()
})

t.test('property: whatever the bytes, links or DAG_INVALID', async t => {
  fc.assert(
    fc.property(
      fc.constantFrom(dagCbor.code, dagJson.code, dagPb.code),
      fc.uint8Array({ maxLength: 200 }),
      (codec, bytes) => {
        try {
          linksOf(cidOf(codec, bytes), bytes)
        } catch (error) {
          if (!isSkepError(error, 'DAG_INVALID')) throw error
        }
      },
    ),
    { numRuns: 2000 },
  )
  t.pass()
})
