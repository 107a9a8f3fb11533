import { createHash, randomBytes } from 'node:crypto'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { create as createDigest } from 'multiformats/hashes/digest'
import t from 'tap'
import {
  cidOf,
  cidOfLarge,
  isHashAllowed,
  MAX_BLOCK_BYTES,
  verifyBlock,
  verifyLargeBlock,
} from '../../../core/content/hashes.ts'

const bytes = new TextEncoder().encode('hello world')
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))
const cidFor = (code: number, digest: Uint8Array): CID => CID.createV1(raw.code, createDigest(code, digest))

// Digests of "hello world" from b2sum -l 256, b3sum, sha512sum.
const vectors: Record<string, CID> = {
  'sha2-256': CID.parse('bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e'),
  'sha2-512': cidFor(0x13, createHash('sha512').update(bytes).digest()),
  'blake2b-256': cidFor(0xb220, hex('256c83b297114d201b30179f3f0ef0cace9783622da5974326b436178aeef610')),
  blake3: cidFor(0x1e, hex('d74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24')),
  identity: cidFor(0x00, bytes),
}

for (const [name, cid] of Object.entries(vectors)) {
  t.test(`${name} is allowed and verified`, async t => {
    t.ok(isHashAllowed(cid))
    t.ok(verifyBlock(cid, bytes))
    t.notOk(verifyBlock(cid, bytes.subarray(1)))
  })
}

t.test('other hash functions, truncated digests and long inlined content are refused', async t => {
  const sha1 = cidFor(0x11, createHash('sha1').update(bytes).digest())
  const truncated = cidFor(0x12, createHash('sha256').update(bytes).digest().subarray(0, 16))
  const inlined = new Uint8Array(129)
  for (const cid of [sha1, truncated]) {
    t.notOk(isHashAllowed(cid))
    t.notOk(verifyBlock(cid, bytes))
  }
  t.notOk(verifyBlock(cidFor(0x00, inlined), inlined))
  t.ok(verifyBlock(cidFor(0x00, inlined.subarray(1)), inlined.subarray(1)))
})

t.test('a block above the limit is refused although its hash is right', async t => {
  const block = new Uint8Array(MAX_BLOCK_BYTES + 1)
  t.notOk(verifyBlock(cidOf(raw.code, block), block))
  const largest = block.subarray(1)
  t.ok(verifyBlock(cidOf(raw.code, largest), largest))
})

for (const size of [0, 128 * 1024 - 1, 128 * 1024, MAX_BLOCK_BYTES, MAX_BLOCK_BYTES + 1]) {
  t.test(`hashed aside, ${size} bytes are what they are otherwise`, async t => {
    const block = new Uint8Array(randomBytes(size))
    const cid = cidOf(raw.code, block)
    const long = cidFor(0x13, createHash('sha512').update(block).digest())
    t.ok((await cidOfLarge(raw.code, block)).equals(cid))
    for (const each of [cid, long]) t.equal(await verifyLargeBlock(each, block), verifyBlock(each, block))
    const truncated = cidFor(0x12, cid.multihash.digest.subarray(0, 20))
    t.notOk(await verifyLargeBlock(truncated, block))
    if (size === 0) return
    block[size - 1] = (block[size - 1] ?? 0) ^ 1
    for (const each of [cid, long]) t.notOk(await verifyLargeBlock(each, block), 'altered')
  })
}
