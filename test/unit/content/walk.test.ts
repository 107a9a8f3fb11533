import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { create as createDigest } from 'multiformats/hashes/digest'
import t from 'tap'
import { cidOf } from '../../../core/content/hashes.ts'
import { linksOf, MAX_LINKS, mayHaveLinks } from '../../../core/content/walk.ts'

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
