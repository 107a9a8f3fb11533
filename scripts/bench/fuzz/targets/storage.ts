import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import {
  cidOfKey,
  decodeCounts,
  decodePin,
  decodeRow,
  encodeCounts,
  encodePin,
  encodeRow,
  type NodeCount,
  nodeKey,
} from '../../../../core/content/pin-records.ts'
import type { DagLink } from '../../../../core/content/walk.ts'
import type { Pin } from '../../../../core/services/pins.ts'
import {
  decodeIndexEntry,
  encodeIndexEntry,
  type IndexEntry,
  slotsNear,
} from '../../../../core/storage/index-entry.ts'
import { RecordSum } from '../../../../core/storage/record-sum.ts'
import { MAX_BLOCK_BYTES, SLOT_BYTES, SLOT_HEADER_BYTES } from '../../../../core/storage/size-classes.ts'
import { decodeSlotHeader, encodeSlotHeader, type SlotHeader } from '../../../../core/storage/slot-header.ts'
import {
  decodeSegmentRecord,
  emptyRecord,
  encodeSegmentRecord,
  type SegmentRecord,
  setBit,
} from '../../../../core/storage/slots.ts'
import { Ranking, STRATEGIES, type Strategy } from '../../../../plugins/cache/policies/ranking.ts'
import { decodeSnapshot, encodeSnapshot, type Snapshot } from '../../../../plugins/cache/policies/snapshot.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import {
  bytesOf,
  cids,
  multihashes,
  record,
  safeIntegers,
  smallBytes,
  texts,
  uint16s,
  uint32s,
} from '../values.ts'

const INLINE_MAX = 32 * 1024 - 1

const indexEntries: fc.Arbitrary<IndexEntry> = fc.oneof(
  record({ slot: fc.constant(undefined), length: fc.nat(INLINE_MAX), crc: uint32s }),
  record({
    slot: record({ segment: uint32s, position: uint16s }),
    length: fc.integer({ min: INLINE_MAX + 1, max: MAX_BLOCK_BYTES }),
    crc: uint32s,
  }),
)

const segmentRecords: fc.Arbitrary<SegmentRecord> = fc
  .tuple(fc.nat(SLOT_BYTES.length - 1), fc.array(fc.nat(20), { maxLength: 8 }))
  .map(([sizeClass, taken]) => {
    const record = emptyRecord(sizeClass)
    for (const position of taken) setBit(record.bitmap, position, true)
    return record
  })

const links: fc.Arbitrary<DagLink> = fc
  .tuple(cids, fc.nat(2 ** 40))
  .map(([cid, totalBytes]) => (totalBytes === 0 ? { cid } : { cid, totalBytes }))

const pins: fc.Arbitrary<Pin> = record({
  cid: cids,
  createdMs: safeIntegers,
  state: fc.constantFrom('pinning' as const, 'pinned' as const),
  name: fc.option(
    texts.map(text => text.replaceAll('\ufeff', '')),
    { nil: undefined },
  ),
}).map(({ name, ...pin }) => ({ ...pin, ...(name !== undefined && { name }) }))

const snapshots: fc.Arbitrary<Snapshot> = record({
  strategyCode: uint32s,
  counts: fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3)),
  policyState: smallBytes,
  fill: fc.nat(255),
}).map(({ counts, fill, ...rest }) => {
  const total = counts.reduce((sum, count) => sum + count, 0)
  return {
    ...rest,
    counts,
    words: new Uint32Array(total * 3).fill(fill),
    uses: new Uint8Array(total).fill(fill),
  }
})

/** What a ranking of `strategy` knows after some use. */
interface UsedRanking {
  readonly strategy: Strategy
  readonly used: readonly number[]
}

const RANKING_ENTRIES = 32

function newRanking(strategy: Strategy): Ranking {
  return new Ranking({ strategy, capacity: RANKING_ENTRIES, seed: 1 })
}

function encodeUsed({ strategy, used }: UsedRanking): Uint8Array {
  const ranking = newRanking(strategy)
  for (const low of used) ranking.insert({ high: 0, low }, 1 + (low % 1000))
  if (used.length > 8) ranking.evict(100)
  return ranking.encode()
}

/** Works with what it restored: what a damaged record left would break it only then. */
function restored(bytes: Uint8Array, strategy: Strategy): Uint8Array | undefined {
  const ranking = newRanking(strategy)
  if (!ranking.restore(bytes)) return undefined
  for (let low = 0; low < RANKING_ENTRIES; low++) ranking.insert({ high: 7, low }, 100)
  for (let evictions = 0; ranking.evict(50); evictions++) {
    if (evictions > 2 * RANKING_ENTRIES) throw new Error('there is always one more to evict')
  }
  return bytes
}

const SNAPSHOT_CRC_AT = 4
const SNAPSHOT_CHECKED_FROM = 8

function mendSnapshot(bytes: Uint8Array): Uint8Array {
  if (bytes.length < SNAPSHOT_CHECKED_FROM) return bytes
  const mended = Buffer.from(bytes)
  mended.writeUInt32LE(0x31524353, 0)
  mended.writeUInt32LE(crc32(mended.subarray(SNAPSHOT_CHECKED_FROM)), SNAPSHOT_CRC_AT)
  return mended
}

function mendSlotHeader(bytes: Uint8Array): Uint8Array {
  if (bytes.length < SLOT_HEADER_BYTES) return bytes
  const mended = Buffer.from(bytes)
  mended.writeUInt32LE(crc32(mended.subarray(0, SLOT_HEADER_BYTES - 4)), SLOT_HEADER_BYTES - 4)
  return mended
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export const STORAGE_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<IndexEntry>({
    name: 'index-entry',
    covers: ['core/storage/index-entry.ts#decodeIndexEntry', 'core/storage/index-entry.ts#slotsNear'],
    values: indexEntries,
    encode: encodeIndexEntry,
    decode(bytes) {
      // A salvage looks there whatever the entry is like.
      let slots = 0
      for (const { segment, position } of slotsNear(bytes)) {
        if (!(segment >= 0 && position >= 0)) throw new Error('a slot is nowhere')
        slots++
      }
      if (slots !== (bytes.length === 16 ? 49 : 0)) throw new Error(`${slots} slots are near`)
      return decodeIndexEntry(bytes)
    },
    mayThrow: ['RangeError'],
  }),
  fuzzTarget<SlotHeader>({
    name: 'slot-header',
    covers: ['core/storage/slot-header.ts#decodeSlotHeader'],
    values: record({ hash: multihashes.map(hash => Uint8Array.from(hash)), length: uint32s, crc: uint32s }),
    encode: encodeSlotHeader,
    decode: decodeSlotHeader,
    mend: mendSlotHeader,
    meaningOf: ({ hash, ...rest }) => ({ ...rest, hash: hex(hash) }),
  }),
  fuzzTarget<SegmentRecord>({
    name: 'segment-record',
    covers: ['core/storage/slots.ts#decodeSegmentRecord'],
    values: segmentRecords,
    encode: encodeSegmentRecord,
    decode: decodeSegmentRecord,
    mayThrow: ['RangeError'],
    maxInputBytes: 4096,
  }),
  fuzzTarget<RecordSum>({
    name: 'record-sum',
    covers: ['core/storage/record-sum.ts#RecordSum'],
    values: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map(sum => new RecordSum(sum)),
    encode: sum => sum.encode(),
    decode: bytes => RecordSum.decode(bytes),
    meaningOf: sum => hex(sum.encode()),
  }),
  fuzzTarget<Uint8Array>({
    name: 'pin-key',
    covers: ['core/content/pin-records.ts#cidOfKey'],
    values: cids.map(cid => cid.bytes),
    encode: bytes => nodeKey(CID.decode(bytes)),
    decode: key => cidOfKey(key).bytes,
    // A codec that no number holds is only in a damaged key, and nobody writes it.
    toValue: bytes => (Number.isSafeInteger(CID.decode(bytes).code) ? bytes : undefined),
    meaningOf: hex,
    mayThrow: ['Error', 'RangeError', 'TypeError'],
  }),
  fuzzTarget<readonly NodeCount[]>({
    name: 'pin-counts',
    covers: ['core/content/pin-records.ts#decodeCounts'],
    values: fc.array(
      record({ codec: uint16s, count: safeIntegers, isExpanded: fc.boolean(), isComplete: fc.boolean() }),
      { maxLength: 4 },
    ),
    encode: encodeCounts,
    decode: decodeCounts,
    mayThrow: ['RangeError'],
  }),
  fuzzTarget<readonly DagLink[]>({
    name: 'pin-row',
    covers: ['core/content/pin-records.ts#decodeRow', 'core/content/pin-records.ts#readLink'],
    values: fc.array(links, { maxLength: 4 }),
    encode: encodeRow,
    decode: bytes => [...decodeRow(bytes)],
    meaningOf: row => row.map(({ cid, totalBytes }) => [bytesOf(cid.toV1()), totalBytes]),
    mayThrow: ['Error', 'RangeError', 'TypeError'],
  }),
  fuzzTarget<Pin>({
    name: 'pin',
    covers: ['core/content/pin-records.ts#decodePin'],
    values: pins,
    encode: encodePin,
    decode: decodePin,
    // Tags within tags: CBOR's. A pin is in the vault, and nobody else writes there.
    isRecursive: true,
    toValue: pin => ({ ...pin, cid: pin.cid.toV1() }),
    meaningOf: ({ cid, ...rest }) => ({ ...rest, cid: bytesOf(cid.toV1()) }),
    mayThrow: ['Error', 'RangeError', 'TypeError'],
  }),
  fuzzTarget<Snapshot>({
    name: 'cache-snapshot',
    covers: ['plugins/cache/policies/snapshot.ts#decodeSnapshot'],
    values: snapshots,
    encode: encodeSnapshot,
    decode: decodeSnapshot,
    mend: mendSnapshot,
  }),
  ...STRATEGIES.map(strategy =>
    fuzzTarget<UsedRanking, Uint8Array>({
      name: `cache-ranking-${strategy}`,
      covers: ['plugins/cache/policies/ranking.ts#Ranking'].concat(
        strategy === 'tinylfu' ? 'plugins/cache/policies/tiny-lfu.ts#TinyLfu' : [],
      ),
      values: record({
        strategy: fc.constantFrom(strategy, strategy, strategy, ...STRATEGIES),
        used: fc.array(fc.nat(60), { maxLength: 60 }),
      }),
      encode: encodeUsed,
      decode: bytes => restored(bytes, strategy),
      toValue: () => undefined,
      mend: mendSnapshot,
      maxInputBytes: 4096,
    }),
  ),
]
