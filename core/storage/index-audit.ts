import { crc32 } from 'node:zlib'
import { decode } from 'multiformats/hashes/digest'
import { type BalancedTable, PinBalance } from '../content/pin-balance.ts'
import { tableOf } from './buckets.ts'
import { decodeIndexEntry } from './index-entry.ts'
import type { Entry } from './lmdb-file/walk.ts'
import { diskBytesOf, MAX_HASH_BYTES, slotBytesOf } from './size-classes.ts'
import { countBits, decodeSegmentRecord, hasBit, type Slot, setBit } from './slots.ts'

const [META, BLOCKS, INLINE, SEGMENTS, QUARANTINE] = [
  'meta',
  'blocks',
  'inline-blocks',
  'segments',
  'quarantine',
].map(name => tableOf(name, 'index'))

const PIN_BUCKETS: readonly BalancedTable[] = ['pin-roots', 'pin-links', 'pin-counts', 'pin-queue']
const PINS = new Map(PIN_BUCKETS.map(name => [tableOf(name, 'index'), name]))

/** True of tables whose values the audit needs, however long they are: others' are looked at where they are short. */
export function needsValues(table: string): boolean {
  return PINS.has(table)
}

/** Slots of one segment, a bit each; as many as the smallest class has. */
const MAX_SEGMENT_BITMAP_BYTES = 256

/**
 * Looks whether the tables of blocks agree with each other: each entry leads to a slot of its own that its segment counts as
 * taken, or to a block that is in the index; nothing else is taken; the sums are right. And whether those of pins do. Gets all
 * entries, in any order, and then tells. Memory: 256 bytes a segment.
 */
export class IndexAudit {
  #problem: string | undefined
  #blocks = 0
  #usedBytes = 0
  #inline = 0
  /** Of the keys of inline blocks, as the one table and the other have them: their checksums, added up. */
  #inlineKeys = { entries: 0, blocks: 0 }
  #nextSegment = 0
  #counters: { readonly blocks: number; readonly usedBytes: number } | undefined
  readonly #pins = new PinBalance()
  readonly #found = new Map<number, Uint8Array>()
  readonly #noted = new Map<number, Uint8Array>()
  readonly #sizeClasses = new Map<number, number>()
  readonly #quarantined = new Map<number, number>()

  add(table: string, entries: readonly Entry[]): void {
    for (const { key, value } of entries) {
      try {
        this.#add(table, key, value)
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
        this.#problem ??= `table ${table} has ${error.message}`
      }
    }
  }

  /** What doesn't agree; undefined where all does. */
  problem(): string | undefined {
    if (this.#problem) return this.#problem
    const counters = this.#counters ?? { blocks: 0, usedBytes: 0 }
    let quarantinedBytes = 0
    for (const [id, taken] of this.#noted) {
      const found = this.#found.get(id) ?? new Uint8Array(taken.length)
      if (!sameBits(taken, found))
        return `segment ${id} counts ${countBits(taken)} slots as taken, ${countBits(found)} are`
      if (id >= this.#nextSegment) return `segment ${id} is beyond the last one`
      quarantinedBytes += (this.#quarantined.get(id) ?? 0) * slotBytesOf(this.#sizeClasses.get(id) ?? 0)
    }
    for (const id of this.#found.keys()) if (!this.#noted.has(id)) return `segment ${id} has no record`
    if (this.#inline !== 0 || this.#inlineKeys.entries !== this.#inlineKeys.blocks)
      return 'small blocks and their entries are not the same'
    if (counters.blocks !== this.#blocks) return `it counts ${counters.blocks} blocks and has ${this.#blocks}`
    const usedBytes = this.#usedBytes + quarantinedBytes
    if (counters.usedBytes !== usedBytes) return `it counts ${counters.usedBytes} bytes and has ${usedBytes}`
    return this.#pins.problem()
  }

  #add(table: string, key: Buffer, value: Buffer | undefined): void {
    const pinTable = PINS.get(table)
    if (pinTable) {
      this.#pins.add(pinTable, key, value ?? Buffer.alloc(0))
      return
    }
    switch (table) {
      case BLOCKS:
        this.#addBlock(key, value ?? Buffer.alloc(0))
        return
      case INLINE:
        this.#inline--
        this.#inlineKeys.blocks += crc32(key)
        return
      case SEGMENTS: {
        const { sizeClass, bitmap } = decodeSegmentRecord(value ?? Buffer.alloc(0))
        this.#noted.set(key.readUInt32BE(), bitmap)
        this.#sizeClasses.set(key.readUInt32BE(), sizeClass)
        return
      }
      case QUARANTINE: {
        const slot = { segment: key.readUInt32BE(0), position: key.readUInt16BE(4) }
        this.#take(slot)
        this.#quarantined.set(slot.segment, (this.#quarantined.get(slot.segment) ?? 0) + 1)
        return
      }
      case META:
        if (key.toString('latin1') === 'next-segment') this.#nextSegment = value?.readUInt32BE() ?? 0
        if (key.toString('latin1') === 'counters' && value)
          this.#counters = { blocks: value.readDoubleLE(0), usedBytes: value.readDoubleLE(8) }
    }
  }

  #addBlock(hash: Buffer, value: Buffer): void {
    const { slot, length } = decodeIndexEntry(value)
    if (!isMultihash(hash)) throw new RangeError(`a key that is no multihash, of ${hash.length} bytes`)
    this.#blocks++
    this.#usedBytes += diskBytesOf(length)
    if (slot) this.#take(slot)
    else {
      this.#inline++
      this.#inlineKeys.entries += crc32(hash)
    }
  }

  #take({ segment, position }: Slot): void {
    const bits = this.#found.get(segment) ?? new Uint8Array(MAX_SEGMENT_BITMAP_BYTES)
    this.#found.set(segment, bits)
    if (position >= bits.length * 8 || hasBit(bits, position))
      throw new RangeError(`two entries for slot ${position} of segment ${segment}`)
    setBit(bits, position, true)
  }
}

function isMultihash(key: Uint8Array): boolean {
  try {
    return key.length <= MAX_HASH_BYTES && decode(key).bytes.length === key.length
  } catch {
    return false
  }
}

function sameBits(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < Math.max(a.length, b.length); i++) if ((a[i] ?? 0) !== (b[i] ?? 0)) return false
  return true
}
