import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { create, decode } from 'multiformats/hashes/digest'
import t from 'tap'
import { multihashOf } from '../../../core/content/hashes.ts'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import { nextBlock, shareOf } from '../../../plugins/verification/digest-walk.ts'

/** Code and digest bytes of all hashes that are accepted. */
const HASHES = [
  [0x12, 32],
  [0x13, 64],
  [0x1e, 32],
  [0xb220, 32],
] as const

const compare = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b)

t.test('every block once, in the order of digests, whatever the hash function', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.record({ hash: fc.nat({ max: 3 }), seed: fc.nat({ max: 1000 }) }), {
        maxLength: 40,
        selector: ({ hash, seed }) => `${hash} ${seed}`,
      }),
      async made => {
        const { blocks } = createMemoryStorage({ maxBytes: 1 << 24 })
        const digests: Uint8Array[] = []
        for (const { hash, seed } of made) {
          const [code, length] = HASHES[hash] ?? HASHES[0]
          const bytes = Buffer.from(`block ${seed}`)
          const multihash = multihashOf(code, length, bytes)
          if (!multihash) throw new Error('an accepted hash')
          digests.push(decode(multihash).digest)
          await blocks.put(CID.createV1(0x55, decode(multihash)), bytes)
        }
        const walked: Uint8Array[] = []
        for (let stop = nextBlock(blocks, undefined); stop; stop = nextBlock(blocks, stop.digest)) {
          walked.push(stop.digest)
          if (walked.length > made.length) throw new Error('one of them twice')
        }
        const sorted = digests.toSorted(compare)
        if (Buffer.compare(Buffer.concat(walked), Buffer.concat(sorted)) !== 0)
          throw new Error('another order')
      },
    ),
    { numRuns: 50 },
  )
})

t.test('where a digest stands', async t => {
  t.equal(shareOf(new Uint8Array(32)), 0)
  t.equal(shareOf(new Uint8Array(32).fill(0x80, 0, 1)), 0.5)
  t.ok(shareOf(new Uint8Array(32).fill(0xff)) < 1)
  t.equal(shareOf(new Uint8Array()), 0, 'before the first')
  t.equal(shareOf(Uint8Array.of(0x40)), 0.25)
})

t.test('digests of all ones are passed', async t => {
  const { blocks } = createMemoryStorage({ maxBytes: 1 << 24 })
  const ones = [...HASHES].map(([code, length]) => create(code, new Uint8Array(length).fill(0xff)))
  for (const digest of ones) await blocks.put(CID.createV1(0x55, digest), Buffer.from('any'))
  const first = nextBlock(blocks, undefined)
  t.same(first?.digest, ones[0]?.digest)
  t.same(nextBlock(blocks, new Uint8Array(32).fill(0xff))?.digest, ones[1]?.digest)
  t.equal(nextBlock(blocks, new Uint8Array(64).fill(0xff)), undefined)
})
