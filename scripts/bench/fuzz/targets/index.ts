import fc, { type Arbitrary } from 'fast-check'
import { CID } from 'multiformats/cid'
import { decode as decodeDigest } from 'multiformats/hashes/digest'
import { encodeCounts, nodeKey } from '../../../../core/content/pin-records.ts'
import { BlockIndex } from '../../../../core/storage/block-index.ts'
import { tableOf } from '../../../../core/storage/buckets.ts'
import { IndexAudit } from '../../../../core/storage/index-audit.ts'
import { encodeIndexEntry } from '../../../../core/storage/index-entry.ts'
import { decodeHolder, type Holder } from '../../../../core/storage/lock.ts'
import { MemoryStore } from '../../../../core/storage/memory-store.ts'
import { formatOf } from '../../../../core/storage/migrations.ts'
import { diskBytesOf, sizeClassOf } from '../../../../core/storage/size-classes.ts'
import { emptyRecord, encodeSegmentRecord, setBit } from '../../../../core/storage/slots.ts'
import type { BlockStore, StorageRepair } from '../../../../core/storage/storage.ts'
import { decodeNote } from '../../../../core/storage/vault.ts'
import { BlockNames } from '../../../../plugins/cache/block-names.ts'
import { SavedRanking } from '../../../../plugins/cache/saved-ranking.ts'
import { canBeAnnounced } from '../../../../plugins/routing/provide/hashes.ts'
import { nextBlock } from '../../../../plugins/verification/digest-walk.ts'
import { encodeEntry, entryIn, OneEntryStore, OneRecordStore } from '../stored-entry.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import { multihashes, partial, record, smallBytes, textOf, texts, utf8 } from '../values.ts'
import { checkNumbers, JSON_WORDS } from './records.ts'

/** The tables of an index, each by its number in an input. */
const TABLES = ['meta', 'blocks', 'inline-blocks', 'segments', 'quarantine'].concat([
  'pin-roots',
  'pin-links',
  'pin-counts',
  'pin-queue',
])

interface Row {
  readonly table: string
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** How long the key and the value are, and the table, come before them. */
const ROW_HEADER_BYTES = 4

const LARGE_BYTES = 32 * 1024
const RAW = 0x55

/** Blocks of an index that is right: small ones, and large ones in the first slots of segment 1; the first one is pinned. */
const indexes: Arbitrary<readonly Row[]> = fc
  .uniqueArray(fc.tuple(multihashes, fc.nat(2000), fc.boolean()), {
    minLength: 1,
    maxLength: 4,
    selector: ([hash]) => hex(hash),
  })
  .map(blocks => {
    const rows: Row[] = []
    const segment = emptyRecord(sizeClassOf(LARGE_BYTES))
    let position = 0
    let usedBytes = 0
    for (const [hash, size, isLarge] of blocks) {
      const length = isLarge ? LARGE_BYTES : size
      const slot = isLarge ? { segment: 1, position: position++ } : undefined
      rows.push({ table: 'blocks', key: hash, value: encodeIndexEntry({ slot, length, crc: size }) })
      if (slot) setBit(segment.bitmap, slot.position, true)
      else rows.push({ table: 'inline-blocks', key: hash, value: new Uint8Array(4) })
      usedBytes += diskBytesOf(length)
    }
    const [hash] = blocks[0] ?? [new Uint8Array()]
    const pin = { codec: RAW, count: 1, isExpanded: false, isComplete: true }
    return rows.concat(
      { table: 'segments', key: bigEndian(1), value: encodeSegmentRecord(segment) },
      { table: 'meta', key: Buffer.from('next-segment'), value: bigEndian(2) },
      { table: 'meta', key: Buffer.from('counters'), value: doubles(blocks.length, usedBytes) },
      { table: 'pin-roots', key: nodeKey(CID.createV1(RAW, decodeDigest(hash))), value: Uint8Array.of(1) },
      { table: 'pin-counts', key: hash, value: encodeCounts([pin]) },
    )
  })

function bigEndian(number: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(number)
  return bytes
}

function doubles(...numbers: readonly number[]): Uint8Array {
  return Buffer.from(Float64Array.from(numbers).buffer)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function encodeRows(rows: readonly Row[]): Uint8Array {
  const parts = rows.flatMap(({ table, key, value }) => {
    const head = Buffer.alloc(ROW_HEADER_BYTES)
    head[0] = TABLES.indexOf(table)
    head[1] = key.length
    head.writeUInt16LE(value.length, 2)
    return [head, key, value]
  })
  return Buffer.concat(parts)
}

function* rowsIn(bytes: Uint8Array): Generator<{ table: string; key: Buffer; value: Buffer }> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 0; at + ROW_HEADER_BYTES <= buffer.length; ) {
    const from = at + ROW_HEADER_BYTES
    const middle = from + (buffer[at + 1] ?? 0)
    const to = middle + buffer.readUInt16LE(at + 2)
    const table = TABLES[(buffer[at] ?? 0) % TABLES.length] ?? ''
    yield { table, key: buffer.subarray(from, middle), value: buffer.subarray(middle, to) }
    at = to
  }
}

/** What is read of an index before there is anything else. */
async function indexOf(bytes: Uint8Array): Promise<BlockIndex> {
  const store = new MemoryStore('index')
  await store.write(batch => {
    for (const { table, key, value } of rowsIn(bytes))
      if (key.length > 0) batch.put(store.bucket(table), key, value)
  })
  return new BlockIndex(store)
}

/** Of what was done about a vault that was damaged. */
interface VaultNote {
  readonly problem: string
  readonly snapshot?: string
  readonly snapshotMs: number
}

const format = new OneRecordStore('meta', 'format')
const names = new OneEntryStore('blocks')

const RANKING_HEAD_BYTES = 5

export const INDEX_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<readonly Row[], true>({
    name: 'index-audit',
    covers: ['core/storage/index-audit.ts#IndexAudit', 'core/content/pin-balance.ts#PinBalance'],
    values: indexes,
    encode: encodeRows,
    decode(bytes) {
      const audit = new IndexAudit()
      for (const { table, ...entry } of rowsIn(bytes)) audit.add(tableOf(table, 'index'), [entry])
      return audit.problem() === undefined ? true : undefined
    },
    toValue: () => undefined,
    maxInputBytes: 4096,
  }),
  fuzzTarget<readonly Row[], true>({
    name: 'block-index',
    covers: ['core/storage/block-index.ts#BlockIndex'],
    values: indexes,
    encode: encodeRows,
    async decode(bytes): Promise<true> {
      const index = await indexOf(bytes)
      index.checkCounters()
      const { blocks, usedBytes } = index.counters()
      checkNumbers(index.nextSegment(), blocks, usedBytes)
      if (blocks < 0 || usedBytes < 0) throw new Error('it counts fewer than none')
      for (const { id, record } of index.segments()) checkNumbers(id, record.sizeClass)
      for (const { segment, position } of index.quarantined()) checkNumbers(segment, position)
      for (const { hash, size } of index.list({ limit: 8 }))
        if (size !== (index.entry(hash)?.length ?? 0)) throw new Error('a block has two sizes')
      return true
    },
    toValue: () => undefined,
    mayThrow: ['RangeError'],
    maxInputBytes: 2048,
  }),
  fuzzTarget<number>({
    name: 'store-format',
    covers: ['core/storage/migrations.ts#formatOf'],
    values: fc.nat(0xffff_ffff),
    encode: bigEndian,
    decode: async bytes => formatOf(await format.holding(bytes), 'index'),
    mayThrow: ['RangeError'],
    maxInputBytes: 64,
  }),
  fuzzTarget<Uint8Array>({
    name: 'saved-ranking',
    covers: ['plugins/cache/saved-ranking.ts#SavedRanking'],
    values: smallBytes,
    encode: bytes => Buffer.concat([Buffer.of(0), bigEndian(bytes.length), bytes]),
    async decode(bytes) {
      const store = new MemoryStore('index')
      const bucket = store.bucket('cache/ranking')
      await store.write(batch => {
        batch.put(bucket, Uint8Array.of(0xff), bytes.slice(0, RANKING_HEAD_BYTES))
        batch.put(bucket, new Uint8Array(RANKING_HEAD_BYTES), bytes.slice(RANKING_HEAD_BYTES))
      })
      const ranking = new SavedRanking(store)
      const found = ranking.load()
      await ranking.save(bytes)
      if (hex(ranking.load() ?? new Uint8Array()) !== hex(bytes)) throw new Error('what is saved is lost')
      return found && Uint8Array.from(found)
    },
    // One that is shorter or longer than its head says is for its own codec to refuse.
    toValue: () => undefined,
    maxInputBytes: 4096,
  }),
  fuzzTarget<Uint8Array>({
    name: 'block-key',
    covers: ['plugins/cache/block-names.ts#BlockNames'].concat(
      'plugins/verification/digest-walk.ts#nextBlock',
      'plugins/routing/provide/hashes.ts#canBeAnnounced',
    ),
    values: multihashes,
    encode: hash =>
      encodeEntry({ key: hash, value: encodeIndexEntry({ slot: undefined, length: 4, crc: 0 }) }),
    async decode(bytes) {
      const index = new BlockIndex(await names.holding(entryIn(bytes)))
      const blocks: Pick<BlockStore, 'list' | 'sizeOf'> = {
        list: range => index.list(range ?? {}),
        sizeOf: cid => index.entry(cid.multihash.bytes)?.length,
      }
      const known = new BlockNames(blocks as BlockStore)
      known.open()
      const [entry] = index.list({ limit: 1 })
      if (!entry) return undefined
      canBeAnnounced(entry.hash)
      const stop = nextBlock(blocks as BlockStore, undefined)
      if (stop && nextBlock(blocks as BlockStore, stop.digest)) throw new Error('a walk meets it twice')
      return known.namesakes(known.fingerprint(entry.hash))[0]
    },
    // What no hash function makes is nobody's name.
    toValue: () => undefined,
    maxInputBytes: 512,
  }),
  fuzzTarget<Holder>({
    name: 'lock-holder',
    covers: ['core/storage/lock.ts#decodeHolder'],
    shape: 'text',
    words: [...JSON_WORDS, 'pid', 'started', 'boot', '-1', '1e3'],
    values: record({ pid: fc.integer({ min: 1, max: 2 ** 22 }), started: texts, boot: texts }),
    encode: holder => utf8(JSON.stringify(holder)),
    decode(bytes) {
      const holder = decodeHolder(textOf(bytes))
      // 0 and less are whole groups of processes, some of which are always there.
      if (holder && !(holder.pid > 0)) throw new Error(`${holder.pid} is no process`)
      return holder
    },
  }),
  fuzzTarget<VaultNote, readonly StorageRepair[]>({
    name: 'vault-note',
    covers: ['core/storage/vault.ts#decodeNote'],
    shape: 'text',
    words: [...JSON_WORDS, 'problem', 'snapshot', 'snapshotMs', '8640000000000001'],
    values: partial({ problem: texts, snapshot: texts, snapshotMs: fc.nat(2 ** 31) }, [
      'problem',
      'snapshotMs',
    ]),
    encode: note => utf8(JSON.stringify(note)),
    decode: bytes => decodeNote(textOf(bytes)),
    toValue: () => undefined,
    mayThrow: ['SyntaxError', 'TypeError', 'RangeError'],
  }),
]
