import fc from 'fast-check'
import t from 'tap'
import { decodeIndexEntry, encodeIndexEntry } from '../../../core/storage/index-entry.ts'
import {
  diskBytesOf,
  isInline,
  MAX_BLOCK_BYTES,
  SEGMENT_BYTES,
  SLOT_BYTES,
  SLOT_HEADER_BYTES,
  sizeClassOf,
  slotBytesOf,
  slotsPerSegment,
} from '../../../core/storage/size-classes.ts'
import { decodeSlotHeader, encodeSlotHeader } from '../../../core/storage/slot-header.ts'
import {
  chooseGrowth,
  chooseSegment,
  countBits,
  decodeSegmentRecord,
  emptyRecord,
  encodeSegmentRecord,
  firstClearBit,
  hasBit,
  Segment,
  setBit,
} from '../../../core/storage/slots.ts'

const KIB = 1024

t.test('size classes are frozen with the format', async t => {
  t.same(
    SLOT_BYTES.map(bytes => bytes / KIB),
    [
      36, 44, 52, 60, 68, 84, 100, 116, 132, 164, 196, 228, 260, 324, 388, 452, 516, 644, 772, 900, 1028,
      1284, 1540, 1796, 2052,
    ],
  )
})

t.test('each block has the smallest slot that holds it, and wastes little', async t => {
  fc.assert(
    fc.property(fc.integer({ min: 32 * KIB, max: MAX_BLOCK_BYTES }), size => {
      const sizeClass = sizeClassOf(size)
      const slotBytes = slotBytesOf(sizeClass)
      const smaller = SLOT_BYTES[sizeClass - 1] ?? 0
      return (
        size + SLOT_HEADER_BYTES <= slotBytes &&
        size + SLOT_HEADER_BYTES > smaller &&
        (slotBytes - size) / slotBytes < 0.2 &&
        diskBytesOf(size) === slotBytes
      )
    }),
  )
  for (let size = 32 * KIB; size <= MAX_BLOCK_BYTES; size *= 2) {
    t.equal(
      slotBytesOf(sizeClassOf(size)),
      size + 4 * KIB,
      'a power of two wastes no more than its header page',
    )
  }
  for (const [sizeClass, slotBytes] of SLOT_BYTES.entries()) {
    t.ok(slotsPerSegment(sizeClass) * slotBytes <= SEGMENT_BYTES)
    t.ok(slotsPerSegment(sizeClass) <= 0xffff, 'a slot number fits two bytes')
  }
  t.throws(() => slotBytesOf(SLOT_BYTES.length), RangeError)
})

t.test('inline blocks are counted with their overhead', async t => {
  t.ok(isInline(32 * KIB - 1))
  t.notOk(isInline(32 * KIB))
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 32 * KIB - 1 }), size => {
      const bytes = diskBytesOf(size)
      return Number.isInteger(bytes) && bytes >= size + 200 && bytes <= 2 * size + 4 * KIB
    }),
  )
})

t.test('slot headers', async t => {
  const header = fc.record({
    hash: fc.uint8Array({ minLength: 1, maxLength: 104 }),
    length: fc.nat(MAX_BLOCK_BYTES),
    crc: fc.nat(0xffffffff),
  })
  fc.assert(
    fc.property(header, fc.nat(SLOT_HEADER_BYTES * 8 - 1), (header, bit) => {
      const bytes = encodeSlotHeader(header)
      const decoded = decodeSlotHeader(bytes)
      t.same(decoded, header)
      setBit(bytes, bit, !hasBit(bytes, bit))
      return decodeSlotHeader(bytes) === undefined
    }),
    { numRuns: 200 },
  )
  t.equal(decodeSlotHeader(new Uint8Array(SLOT_HEADER_BYTES)), undefined, 'a slot never written')
  t.equal(
    decodeSlotHeader(encodeSlotHeader({ hash: Buffer.of(1), length: 1, crc: 1 }).subarray(1)),
    undefined,
  )
  const golden = encodeSlotHeader({ hash: Buffer.from('1220aabb', 'hex'), length: 40_000, crc: 0xdeadbeef })
  t.equal(
    Buffer.from(golden).toString('hex'),
    `534b504201040000409c0000efbeadde1220aabb${'00'.repeat(104)}ebcab5ec`,
    'the bytes on disk',
  )
})

t.test('index entries', async t => {
  const slot = fc.record({ segment: fc.nat(0xffffffff), position: fc.nat(0xffff) })
  const size = fc.record({ length: fc.nat(MAX_BLOCK_BYTES), crc: fc.nat(0xffffffff) })
  fc.assert(
    fc.property(size, slot, ({ length, crc }, place) => {
      const entry = { slot: isInline(length) ? undefined : place, length, crc }
      t.same(decodeIndexEntry(encodeIndexEntry(entry)), entry)
      const misplaced = { ...entry, slot: isInline(length) ? place : undefined }
      t.throws(() => decodeIndexEntry(encodeIndexEntry(misplaced)), RangeError)
    }),
  )
  t.equal(
    Buffer.from(
      encodeIndexEntry({ slot: { segment: 0x01020304, position: 0x0506 }, length: 7, crc: 8 }),
    ).toString('hex'),
    '02000605070000000800000004030201',
    'the bytes on disk',
  )
  t.throws(() => decodeIndexEntry(new Uint8Array(16)), RangeError)
})

t.test('bitmaps', async t => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 12 }), fc.nat(95), (bitmap, length) => {
      const clear = Array.from({ length: bitmap.length * 8 }, (_, i) => i).filter(i => !hasBit(bitmap, i))
      const expected = clear.find(i => i < length) ?? -1
      return (
        firstClearBit(bitmap, length) === expected && countBits(bitmap) === bitmap.length * 8 - clear.length
      )
    }),
  )
  const record = emptyRecord(3)
  setBit(record.bitmap, 17, true)
  t.same(decodeSegmentRecord(encodeSegmentRecord(record)), record)
})

t.test('a segment gives each slot once, lowest first', async t => {
  fc.assert(
    fc.property(fc.array(fc.nat(3), { maxLength: 300 }), steps => {
      const segment = new Segment(1, emptyRecord(20))
      const taken = new Set<number>()
      for (const step of steps) {
        if (step === 0) {
          const [position] = taken
          if (position === undefined) continue
          taken.delete(position)
          segment.free(position)
        } else if (step === 1 && segment.lengthSlots < segment.slots) segment.resize(segment.lengthSlots + 1)
        else if (segment.freeSlots > 0) {
          const { position } = segment.take()
          if (taken.has(position)) return false
          for (let lower = 0; lower < position; lower++) if (!taken.has(lower)) return false
          taken.add(position)
        } else if (taken.size !== segment.lengthSlots) return false
        if (segment.takenSlots !== taken.size || segment.endSlot !== Math.max(-1, ...taken) + 1) return false
        if (segment.slackBytes !== (segment.lengthSlots - taken.size) * segment.slotBytes) return false
      }
      return true
    }),
  )
  const full = filled(1, 24)
  t.throws(() => full.take(), RangeError)
  t.equal(full.slackBytes, 0)
  full.free(3)
  full.free(3)
  t.equal(full.slackBytes, full.slotBytes)
})

/** A segment whose first `taken` slots are in use, `length` slots long. */
function filled(id: number, sizeClass: number, taken = slotsPerSegment(sizeClass), length = taken): Segment {
  const record = emptyRecord(sizeClass)
  for (let position = 0; position < taken; position++) setBit(record.bitmap, position, true)
  return new Segment(id, record, length * slotBytesOf(sizeClass))
}

t.test('the fullest segment with a free slot is chosen', async t => {
  const [empty, half, full] = [filled(1, 24, 0, 5), filled(2, 24, 1, 5), filled(3, 24)]
  const [retired, sealed, shrinking] = [4, 5, 6].map(id => filled(id, 24, 3, 5))
  if (!retired || !sealed || !shrinking) throw new Error('three segments')
  retired.retired = true
  sealed.sealed = true
  shrinking.shrinking = true
  const busy = [full, retired, sealed, shrinking]
  t.equal(chooseSegment([empty, half, ...busy]), half)
  t.equal(chooseSegment(busy), undefined)
  t.equal(chooseSegment([]), undefined)
})

t.test('the longest segment that may grow is chosen', async t => {
  const [short, long, full] = [filled(1, 24, 1), filled(2, 24, 3), filled(3, 24)]
  const sealed = filled(4, 24, 2)
  sealed.sealed = true
  const slotBytes = slotBytesOf(24)
  t.equal(chooseGrowth([short, long, full, sealed], SEGMENT_BYTES), long)
  t.equal(
    chooseGrowth([short, long, full, sealed], 3 * slotBytes),
    short,
    'no longer than segments get in this store',
  )
  t.equal(chooseGrowth([long, full, sealed], 3 * slotBytes), undefined)
})
