import type { Bucket, KeyValueStore } from '../../core/api.ts'

/** What a scrub has to know after a restart. */
export interface ScrubRecord {
  /** The last digest that was looked at, in hexadecimal; empty at the begin of a pass. */
  readonly position: string
  /** All blocks of this pass were looked at; the next begins when the period is over. */
  readonly isDone: boolean
  /** Since the pass began, and as of `savedMs`. */
  readonly elapsedMs: number
  /** Milliseconds since 1970, by this node's clock. */
  readonly savedMs: number
  /** Looked at in this pass. */
  readonly blocks: number
  readonly bytes: number
  readonly lastPass?: LastPass
}

export interface LastPass {
  /** Milliseconds since 1970, by this node's clock. */
  readonly endedMs: number
  readonly durationMs: number
  readonly blocks: number
  readonly bytes: number
}

const FIRST_RECORD: ScrubRecord = {
  position: '',
  isDone: false,
  elapsedMs: 0,
  savedMs: 0,
  blocks: 0,
  bytes: 0,
}

const KEY = Buffer.from('scrub')

/** Where the record lies: `verification/state`, one key of JSON. */
export class ScrubRecordStore {
  readonly #store: KeyValueStore

  constructor(store: KeyValueStore) {
    this.#store = store
  }

  get #bucket(): Bucket {
    return this.#store.bucket('verification/state')
  }

  read(): ScrubRecord {
    const bytes = this.#bucket.get(KEY)
    // Damage of the index that has it: the scrub begins anew.
    return (bytes && decodeRecord(bytes)) ?? FIRST_RECORD
  }

  write(record: ScrubRecord): Promise<void> {
    const bucket = this.#bucket
    return this.#store.write(batch => batch.put(bucket, KEY, Buffer.from(JSON.stringify(record))))
  }
}

/** Undefined for what is none. Never throws. */
function decodeRecord(bytes: Uint8Array): ScrubRecord | undefined {
  try {
    const { lastPass, ...record } = { ...FIRST_RECORD, ...JSON.parse(Buffer.from(bytes).toString()) }
    const { position, isDone, elapsedMs, savedMs, blocks, bytes: size } = record
    if (typeof position !== 'string' || typeof isDone !== 'boolean') return undefined
    if (!areAmounts(elapsedMs, savedMs, blocks, size)) return undefined
    const known = { position, isDone, elapsedMs, savedMs, blocks, bytes: size }
    return lastPass === undefined ? known : { ...known, lastPass: decodePass(lastPass) }
  } catch {
    return undefined
  }
}

/** @throws TypeError where it is none */
function decodePass({ endedMs, durationMs, blocks, bytes }: LastPass): LastPass {
  if (!areAmounts(endedMs, durationMs, blocks, bytes)) throw new TypeError('it is no pass')
  return { endedMs, durationMs, blocks, bytes }
}

function areAmounts(...values: readonly unknown[]): boolean {
  return values.every(value => Number.isFinite(value))
}
