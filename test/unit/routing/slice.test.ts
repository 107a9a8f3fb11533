import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { create } from 'multiformats/hashes/digest'
import t from 'tap'
import { placeOf, sharedBits, shareOf } from '../../../plugins/routing/dht/key-space.ts'
import {
  batchOf,
  byPlace,
  nextRange,
  type PlacedHash,
  sliceOf,
} from '../../../plugins/routing/provide/slice.ts'

const SHA2_256 = 0x12
const signal = new AbortController().signal

function hashes(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => {
    const digest = createHash('sha256').update(String(index)).digest()
    return create(SHA2_256, new Uint8Array(digest)).bytes
  })
}

t.test('slice after slice, every hash comes once, in the order of the key space', async t => {
  for (const count of [0, 1, 100, 20_000]) {
    const all = hashes(count)
    const seen: PlacedHash[] = []
    let position = 0
    let slices = 0
    while (position < 1) {
      const slice = await sliceOf([all.slice(0, 700), all.slice(700)], nextRange(position, count), signal)
      t.ok(slice.to > position)
      t.equal(slice.total, count)
      t.ok(slice.hashes.length <= 4096)
      seen.push(...slice.hashes)
      position = slice.to
      slices += 1
    }
    t.equal(seen.length, count)
    t.same(seen, seen.toSorted(byPlace))
    t.equal(new Set(seen.map(({ hash }) => Buffer.from(hash).toString('hex'))).size, count)
    t.equal(slices, 64)
  }
})

t.test('a range that holds too many is cut', async t => {
  const all = hashes(20_000)
  const { hashes: kept, to } = await sliceOf([all], { from: 0, to: 1 }, signal)
  t.ok(kept.length >= 4000 && kept.length <= 4096)
  t.ok(to < 0.25)
  t.ok(kept.every(({ place }) => shareOf(place) < to))
})

t.test('slices grow narrower with the number of hashes', async t => {
  t.same(nextRange(0, 0), { from: 0, to: 1 / 64 })
  t.same(nextRange(0.5, 1_000_000), { from: 0.5, to: 0.5 + 1 / 512 })
  t.same(nextRange(63 / 64, 10), { from: 63 / 64, to: 1 })
})

t.test('how many share a look-up', async t => {
  const placed = hashes(1000)
    .map(hash => ({ hash, place: placeOf(hash) }))
    .sort(byPlace)
  const nodes = hashes(2000).slice(1000).map(placeOf)
  const [first] = placed as [PlacedHash]
  const distance = (place: Uint8Array): Buffer =>
    Buffer.from(place.map((byte, at) => byte ^ (first.place[at] ?? 0)))
  const near = nodes.toSorted((a, b) => Buffer.compare(distance(a), distance(b))).slice(0, 20)
  t.equal(batchOf(placed, near.slice(0, 19), 20), 256, 'all, where all nodes are known')
  const count = batchOf(placed, near, 20)
  t.ok(count >= 1 && count < 100)
  const depth = Math.min(...near.map(place => sharedBits(place, first.place)))
  t.ok(placed.slice(0, count).every(({ place }) => sharedBits(place, first.place) > depth))
  t.notOk(sharedBits(placed[count]?.place ?? first.place, first.place) > depth)
  t.equal(batchOf([], near, 20), 0)
})

t.test('bits that two places share', async t => {
  t.equal(sharedBits(new Uint8Array(32), new Uint8Array(32)), 256)
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(255), (place, bit) => {
      const other = place.slice()
      const at = bit >> 3
      other[at] = (other[at] ?? 0) ^ (0x80 >> (bit & 7))
      return sharedBits(place, other) === bit
    }),
  )
  t.equal(shareOf(new Uint8Array(32)), 0)
  t.ok(shareOf(new Uint8Array(32).fill(0xff)) < 1)
})
