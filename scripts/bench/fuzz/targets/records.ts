import fc, { type Arbitrary } from 'fast-check'
import {
  decodeTallies,
  encodeTallies,
  WEAR_SOURCES,
  type WriteTallies,
} from '../../../../core/resources/wear.ts'
import { decodePeer, decodeTags, encodePeer, encodeTags } from '../../../../core/state/peer-codec.ts'
import type { KeptPeer } from '../../../../core/state/peer-record.ts'
import type { Month } from '../../../../plugins/exchange/bandwidth/month.ts'
import { createVolumeStore } from '../../../../plugins/exchange/bandwidth/volume-store.ts'
import { type Ban, decodeBan } from '../../../../plugins/reputation/ban-list.ts'
import { EVIDENCE_KINDS } from '../../../../plugins/reputation/evidence.ts'
import type { Standing } from '../../../../plugins/reputation/standing.ts'
import { decodeStanding, encodeStanding } from '../../../../plugins/reputation/standing-codec.ts'
import { loadProgress, type Progress } from '../../../../plugins/routing/provide/progress.ts'
import { type ScrubRecord, ScrubRecordStore } from '../../../../plugins/verification/scrub-record.ts'
import { OneRecordStore } from '../stored-entry.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import { asJson, PEERS, partial, record, safeIntegers, textOf, texts, utf8, wellFormed } from '../values.ts'

/** Of records that are kept as JSON. */
export const JSON_WORDS: readonly string[] = [
  '{}',
  '[]',
  'null',
  'true',
  '1e999',
  '-0',
  '""',
  ':',
  ',',
  '"version":1',
  '"a":{"b":',
  '{"',
]

const amounts = fc.oneof(safeIntegers, fc.double({ min: 0, max: Number.MAX_SAFE_INTEGER, noNaN: true }))
const details = texts.map(text => text.slice(0, 200))

const decaying = record({ weight: amounts, atMs: amounts })
const tallies = record({
  times: amounts,
  limited: amounts,
  excused: amounts,
  lastMs: amounts,
  detail: details,
}).chain(tally => decaying.map(rest => ({ ...rest, ...tally })))

function someOf<K extends string, V>(
  keys: readonly K[],
  values: Arbitrary<V>,
): Arbitrary<Partial<Record<K, V>>> {
  return partial<Record<K, V>>(Object.fromEntries(keys.map(key => [key, values])) as Record<K, Arbitrary<V>>)
}

export const keptPeers: Arbitrary<KeptPeer> = record({
  peer: fc.constant(PEERS[0] ?? ''),
  rank: safeIntegers,
  lastSeenMs: fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { nil: undefined }),
  foundBy: fc.constantFrom('mdns', 'bootstrap', 'exchange', 'dht', 'manual', 'inbound', undefined),
  addresses: fc
    .array(
      fc.nat(65_535).map(port => `/ip4/192.0.2.1/tcp/${port}`),
      { maxLength: 4 },
    )
    .map(texts => [...new Set(texts)]),
  agent: fc.option(
    details.filter(text => text !== ''),
    { nil: undefined },
  ),
  evidence: someOf(['invalid-block', 'timeout', 'overload'] as const, safeIntegers),
})

const wearTallies = someOf(
  WEAR_SOURCES,
  record({
    observedMs: amounts,
    writtenBytes: amounts,
    logicalBytes: amounts,
    recentBytes: amounts,
    recentMs: amounts,
  }),
)

const scrub = new OneRecordStore('verification/state', 'scrub')
const progress = new OneRecordStore('routing/provide', 'progress')
const volume = new OneRecordStore('exchange/volume', 'month')

export const RECORD_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<KeptPeer>({
    name: 'peer-record',
    covers: ['core/state/peer-codec.ts#decodePeer', 'core/state/wire/peer-record.proto#StoredPeer'],
    shape: 'protobuf',
    words: JSON_WORDS,
    values: keptPeers,
    encode: encodePeer,
    decode: bytes => decodePeer(PEERS[0] ?? '', bytes),
    meaningOf: wellFormed,
  }),
  fuzzTarget<Readonly<Record<string, number>>>({
    name: 'peer-tags',
    covers: ['core/state/peer-codec.ts#decodeTags', 'core/state/wire/peer-record.proto#StoredTags'],
    shape: 'protobuf',
    values: fc.dictionary(texts, fc.nat(100), { maxKeys: 4, noNullPrototype: true }),
    encode: encodeTags,
    decode: decodeTags,
    meaningOf: tags => Object.entries(wellFormed(tags)),
  }),
  fuzzTarget<WriteTallies>({
    name: 'wear-tallies',
    covers: ['core/resources/wear.ts#decodeTallies'],
    shape: 'text',
    words: [...JSON_WORDS, ...WEAR_SOURCES, '"tallies":'],
    values: wearTallies,
    encode: value => utf8(encodeTallies(value)),
    decode: bytes => decodeTallies(textOf(bytes)),
    meaningOf: asJson,
    mayThrow: ['TypeError', 'SyntaxError'],
  }),
  fuzzTarget<Ban>({
    name: 'ban',
    covers: ['plugins/reputation/ban-list.ts#decodeBan'],
    shape: 'text',
    words: [...JSON_WORDS, ...EVIDENCE_KINDS],
    values: record({
      kind: fc.constantFrom(...EVIDENCE_KINDS),
      detail: details,
      madeMs: amounts,
      untilMs: amounts,
      times: safeIntegers,
    }),
    encode: ban => utf8(JSON.stringify(ban)),
    decode: decodeBan,
    meaningOf: asJson,
  }),
  fuzzTarget<Standing>({
    name: 'standing',
    covers: ['plugins/reputation/standing-codec.ts#decodeStanding'],
    shape: 'text',
    words: [...JSON_WORDS, ...EVIDENCE_KINDS],
    values: partial({ verifiedBytes: amounts, credit: decaying, tallies: someOf(EVIDENCE_KINDS, tallies) }, [
      'verifiedBytes',
      'tallies',
    ]) as Arbitrary<Standing>,
    encode: encodeStanding,
    decode: decodeStanding,
    meaningOf: asJson,
  }),
  fuzzTarget<ScrubRecord>({
    name: 'scrub-record',
    covers: ['plugins/verification/scrub-record.ts#ScrubRecordStore'],
    shape: 'text',
    words: [...JSON_WORDS, 'position', 'lastPass'],
    values: partial(
      {
        position: fc.uint8Array({ maxLength: 8 }).map(bytes => Buffer.from(bytes).toString('hex')),
        isDone: fc.boolean(),
        elapsedMs: amounts,
        savedMs: amounts,
        blocks: safeIntegers,
        bytes: safeIntegers,
        lastPass: record({
          endedMs: amounts,
          durationMs: amounts,
          blocks: safeIntegers,
          bytes: safeIntegers,
        }),
      },
      ['position', 'isDone', 'elapsedMs', 'savedMs', 'blocks', 'bytes'],
    ) as Arbitrary<ScrubRecord>,
    encode: record => utf8(JSON.stringify(record)),
    decode: async bytes => checkedScrub(new ScrubRecordStore(await scrub.holding(bytes)).read()),
    meaningOf: asJson,
  }),
  fuzzTarget<Progress>({
    name: 'provide-progress',
    covers: ['plugins/routing/provide/progress.ts#loadProgress'],
    shape: 'text',
    words: [...JSON_WORDS, 'startedMs', 'position'],
    values: record({ startedMs: amounts, position: fc.double({ min: 0, max: 1, noNaN: true }) }),
    encode: value => utf8(JSON.stringify(value)),
    async decode(bytes) {
      const value = loadProgress(await progress.holding(bytes))
      if (value) checkNumbers(value.startedMs, value.position)
      return value
    },
    meaningOf: asJson,
  }),
  fuzzTarget<Month>({
    name: 'month-volume',
    covers: ['plugins/exchange/bandwidth/volume-store.ts#createVolumeStore'],
    shape: 'text',
    words: [...JSON_WORDS, 'startMs', 'doubtMs'],
    values: record({
      startMs: fc.option(amounts, { nil: undefined }),
      sentBytes: amounts,
      receivedBytes: amounts,
      doubtMs: amounts,
    }),
    encode: month => utf8(JSON.stringify(month)),
    async decode(bytes) {
      const month = createVolumeStore(await volume.holding(bytes)).load(() => {})
      checkNumbers(month.startMs ?? 0, month.sentBytes, month.receivedBytes, month.doubtMs)
      return month
    },
    meaningOf: asJson,
  }),
]

/** What nobody can count with later on would be worse than an error now. */
export function checkNumbers(...numbers: readonly unknown[]): void {
  for (const number of numbers)
    if (typeof number !== 'number' || !Number.isFinite(number))
      throw new Error(`${String(number)} was taken for a number`)
}

function checkedScrub(record: ScrubRecord): ScrubRecord {
  const { position, isDone, elapsedMs, savedMs, blocks, bytes, lastPass } = record
  checkNumbers(elapsedMs, savedMs, blocks, bytes)
  if (lastPass) checkNumbers(lastPass.endedMs, lastPass.durationMs, lastPass.blocks, lastPass.bytes)
  if (typeof position !== 'string' || typeof isDone !== 'boolean') throw new Error('it is no record')
  return record
}
