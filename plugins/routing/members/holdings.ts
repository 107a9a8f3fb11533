import { randomBytes } from 'node:crypto'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import type { MultihashDigest } from 'multiformats/hashes/interface'
import { type BlockStore, byteKey, bytesOfKey, type Logger } from '../../../core/api.ts'
import { ChangeLog } from './change-log.ts'
import { FingerprintKey, KEY_BYTES, packFingerprints } from './fingerprint.ts'
import { encodeUpdate } from './wire/codec.ts'

export interface HoldingsDependencies {
  readonly blocks: Pick<BlockStore, 'has' | 'list' | 'stats' | 'onStored' | 'onDeleted' | 'onDamaged'>
  readonly log: Logger
  /** Called after a change was added to the log of changes. */
  logged(changes: number): void
  /** Monotonic milliseconds. */
  now(): number
}

/** A part of all that is held, in the order of the store. */
export interface Slice {
  /** Packed fingerprints. */
  readonly fingerprints: Uint8Array<ArrayBuffer>
  /** What the next slice comes after; undefined: this was the last. */
  readonly next: Uint8Array | undefined
}

/** A change after a quiet time is told at once, with what comes along with it. */
const GATHER_MS = 20
/** And from then on once in so long. */
const PERIOD_MS = 1000
/** Blocks that changed and weren't told; more are told early. Looking them up takes some milliseconds on a small board. */
const MAX_CHANGED = 1024
/** What a peer may miss while it is away, and needs no snapshot: some 40,000 blocks. */
const MAX_LOG_BYTES = 256 * 1024
/** Blocks of a slice: a millisecond or two of a small board's time. */
const SLICE_BLOCKS = 256

const RAW = 0x55

/** What this node holds, as others are told: the changes since it started, and all of it in slices. */
export class Holdings {
  /** Of this run, and the key of its fingerprints. */
  readonly epoch = new Uint8Array(randomBytes(KEY_BYTES))
  readonly changes = new ChangeLog({ maxBytes: MAX_LOG_BYTES })
  readonly #key = new FingerprintKey(this.epoch)
  readonly #deps: HoldingsDependencies
  /** Multihashes, one character a byte. */
  readonly #changed = new Set<string>()
  /** The store could not be read, and somebody was told so. */
  #isUnreadable = false
  #lastMs = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #stop: (() => void)[] | undefined

  constructor(deps: HoldingsDependencies) {
    this.#deps = deps
  }

  get blocks(): number {
    return this.#deps.blocks.stats().blocks
  }

  /** From now on changes are noted. Nobody needs them before the first has been told anything. */
  watch(): void {
    const { blocks } = this.#deps
    this.#stop ??= [
      blocks.onStored(hash => this.#change(hash)),
      blocks.onDamaged(hash => this.#change(hash)),
      blocks.onDeleted(hashes => {
        for (const hash of hashes) this.#change(hash)
      }),
    ]
  }

  /** Ends watching for good; what wasn't told is forgotten. */
  close(): void {
    this.#stop ??= []
    for (const end of this.#stop.splice(0)) end()
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#changed.clear()
  }

  /** The blocks behind `after`. A change from now on is told later than it was read here. */
  slice(after: Uint8Array | undefined): Slice {
    const entries = this.#deps.blocks.list({ after, limit: SLICE_BLOCKS })
    return {
      fingerprints: packFingerprints(entries.map(({ hash }) => this.#key.of(hash))),
      next: entries.length < SLICE_BLOCKS ? undefined : entries.at(-1)?.hash,
    }
  }

  #change(hash: Uint8Array): void {
    this.#changed.add(byteKey(hash))
    if (this.#changed.size >= MAX_CHANGED) this.#tell()
    else this.#timer ??= setTimeout(() => this.#tell(), this.#waitMs()).unref()
  }

  #waitMs(): number {
    return Math.max(GATHER_MS, this.#lastMs + PERIOD_MS - this.#deps.now())
  }

  /** Asks the store what became of each block: one that came and went and came is told of once, whatever was heard first. */
  #tell(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#lastMs = this.#deps.now()
    const added: number[] = []
    const removed: number[] = []
    try {
      for (const text of this.#changed) {
        const hash = bytesOfKey(text)
        const digest = digestOf(hash)
        const isHeld = digest !== undefined && this.#deps.blocks.has(CID.createV1(RAW, digest))
        const fingerprint = this.#key.of(hash)
        if (isHeld) added.push(fingerprint)
        else removed.push(fingerprint)
      }
    } catch (err) {
      this.#postpone(err)
      return
    }
    this.#isUnreadable = false
    this.#changed.clear()
    this.changes.append(sequence =>
      encodeUpdate({
        kind: 'change',
        sequence,
        added: packFingerprints(added),
        removed: packFingerprints(removed),
      }),
    )
    this.#deps.logged(added.length + removed.length)
  }

  /** Asks again in a while. Of too many changes one is kept to ask about: then all that is held is told anew. */
  #postpone(err: unknown): void {
    if (!this.#isUnreadable) this.#deps.log.warn({ err }, 'what changed could not be read, and is told later')
    this.#isUnreadable = true
    if (this.#changed.size >= MAX_CHANGED) {
      this.changes.skip()
      for (const text of this.#changed) if (this.#changed.size > 1) this.#changed.delete(text)
    }
    this.#timer = setTimeout(() => this.#tell(), PERIOD_MS).unref()
  }
}

/** Undefined for a key that is none, in a damaged index: it names no block. */
function digestOf(hash: Uint8Array): MultihashDigest | undefined {
  try {
    return Digest.decode(hash)
  } catch {
    return undefined
  }
}
