import { crc32 } from 'node:zlib'

/** On disk; a number is never used for another strategy. */
export const STRATEGY_CODES = { lru: 1, sieve: 2, s3fifo: 3, tinylfu: 4 } as const

/** What a ranking knows, as it is saved. */
export interface Snapshot {
  /** One of {@link STRATEGY_CODES}. */
  readonly strategyCode: number
  /** Entries of each list. */
  readonly counts: readonly number[]
  /** List by list, each from the oldest entry on: high and low word of the fingerprint, size. */
  readonly words: Uint32Array
  /** In the same order. */
  readonly uses: Uint8Array
  /** What the policy knows beside the entries. */
  readonly policyState: Uint8Array
}

export const WORDS_PER_ENTRY = 3
const MAGIC = 0x31524353
const HEADER_WORDS = 8
const HEADER_BYTES = 4 * HEADER_WORDS
/** Magic and checksum are not in the checksum. */
const CHECKED_FROM = 8

/**
 * Words, little endian as all boards are that skep runs on: magic, CRC-32 of what follows it, strategy, bytes of policy state,
 * entries of each of four lists; then `words`, `uses` and `policyState`.
 */
export function encodeSnapshot({ strategyCode, counts, words, uses, policyState }: Snapshot): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + words.byteLength + uses.length + policyState.length)
  const header = new Uint32Array(bytes.buffer, 0, HEADER_WORDS)
  header.set([MAGIC, 0, strategyCode, policyState.length, ...counts])
  new Uint32Array(bytes.buffer, HEADER_BYTES, words.length).set(words)
  bytes.set(uses, HEADER_BYTES + words.byteLength)
  bytes.set(policyState, HEADER_BYTES + words.byteLength + uses.length)
  header[1] = crc32(bytes.subarray(CHECKED_FROM))
  return bytes
}

/** Undefined where `bytes` isn't a whole snapshot. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot | undefined {
  if (bytes.length < HEADER_BYTES) return undefined
  const { buffer } = new Uint8Array(bytes)
  const header = new Uint32Array(buffer, 0, HEADER_WORDS)
  const [magic, crc, strategyCode = 0, stateBytes = 0, ...counts] = header
  const entries = counts.reduce((sum, count) => sum + count, 0)
  const usesFrom = HEADER_BYTES + entries * WORDS_PER_ENTRY * 4
  const stateFrom = usesFrom + entries
  if (magic !== MAGIC || bytes.length !== stateFrom + stateBytes) return undefined
  if (crc !== crc32(bytes.subarray(CHECKED_FROM))) return undefined
  return {
    strategyCode,
    counts,
    words: new Uint32Array(buffer, HEADER_BYTES, entries * WORDS_PER_ENTRY),
    uses: new Uint8Array(buffer, usesFrom, entries),
    policyState: new Uint8Array(buffer, stateFrom),
  }
}
