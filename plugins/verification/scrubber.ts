import { setImmediate as turn } from 'node:timers/promises'
import {
  type BlockStore,
  type Clock,
  diskBytesOf,
  fullBucket,
  isSkepError,
  type MemoryBudget,
  type Rate,
  refill,
  type TokenBucket,
} from '../../core/api.ts'
import { isIntact } from './block-hash.ts'
import { nextBlock, type Stop, shareOf } from './digest-walk.ts'
import type { Load } from './load.ts'
import type { VerificationMetrics } from './metrics.ts'
import { isPossible, type PaceOptions, resumedMs, waitMs } from './pace.ts'
import type { LastPass, ScrubRecord, ScrubRecordStore } from './scrub-record.ts'

export interface ScrubberDependencies {
  readonly blocks: BlockStore
  readonly records: ScrubRecordStore
  readonly memory: MemoryBudget
  readonly load: Load
  readonly metrics: Pick<VerificationMetrics, 'verifiedBlocks' | 'verifiedBytes'>
  readonly clock: Clock
  /** Called before the first block of a pass is looked at. */
  onBegin(signal: AbortSignal): Promise<void>
  /** Called when all blocks of a pass were looked at. */
  onPass(signal: AbortSignal): Promise<void>
}

export interface ScrubStatus {
  /** How far the pass is, from 0 to 1. */
  readonly share: number
  /** Since the pass began. */
  readonly elapsedMs: number
  /** Looked at in this pass. */
  readonly blocks: number
  readonly bytes: number
  readonly isDone: boolean
  /** The period is over and the pass isn't. */
  readonly isLate: boolean
  /** A pass over what is held fits into the period. */
  readonly isPossible: boolean
  readonly lastPass?: LastPass
}

/** The position is saved at most that often, and so many times a pass: an idle board writes next to nothing. */
const SAVE_PERIOD_MS = 60_000
const SAVES_PER_PASS = 1000

/** No wait is longer, as blocks come and go meanwhile; timers can't, either. */
const MAX_WAIT_MS = 3_600_000

/** At least one block of the largest size must ever be allowed. */
const MIN_BURST_BYTES = 4 * 1024 * 1024

/** Reads every block from disk once in a period, each at its own time, and hashes it. What is bad, the store takes out. */
export class Scrubber {
  readonly #options: PaceOptions
  readonly #dependencies: ScrubberDependencies
  readonly #rate: Rate
  #record: ScrubRecord | undefined
  /** When the pass began, by the monotonic clock; before this process did, where it was begun by another. */
  #beganMs = 0
  #savedMs = 0
  #isChanged = false
  #hasBegun = false
  #bucket: TokenBucket

  constructor(options: PaceOptions, dependencies: ScrubberDependencies) {
    this.#options = options
    this.#dependencies = dependencies
    const perSecond = options.maxBytesPerSecond
    this.#rate = { perSecond, burst: Math.max(perSecond, MIN_BURST_BYTES) }
    this.#bucket = fullBucket(this.#rate, 0)
  }

  /** Goes on where the last scrub was. Everything else needs it first. */
  open(): void {
    const { records, clock } = this.#dependencies
    const record = records.read()
    const share = record.isDone ? 1 : this.#shareOf(record)
    const offMs = record.savedMs === 0 ? 0 : clock.wallMs() - record.savedMs
    const elapsedMs = resumedMs(this.#options, { elapsedMs: record.elapsedMs, share }, offMs)
    this.#record = record
    this.#beganMs = clock.nowMs() - elapsedMs
    this.#savedMs = clock.nowMs()
    this.#bucket = fullBucket(this.#rate, clock.nowMs())
  }

  /** Scrubs until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted()
      await (this.#opened.isDone ? this.#rest(signal) : this.#step(signal))
    }
  }

  async save(): Promise<void> {
    if (!this.#isChanged || !this.#record) return
    const { records, clock } = this.#dependencies
    this.#isChanged = false
    this.#savedMs = clock.nowMs()
    try {
      await records.write({ ...this.#record, elapsedMs: this.#elapsedMs, savedMs: clock.wallMs() })
    } catch (error) {
      this.#isChanged = true
      throw error
    }
  }

  status(): ScrubStatus {
    const record = this.#opened
    const { blocks, bytes, isDone, lastPass } = record
    const elapsedMs = this.#elapsedMs
    return {
      share: isDone ? 1 : this.#shareOf(record),
      elapsedMs,
      blocks,
      bytes,
      isDone,
      isLate: !isDone && elapsedMs > this.#options.periodMs,
      isPossible: isPossible(this.#options, this.#dependencies.blocks.stats().usedBytes),
      ...(lastPass && { lastPass }),
    }
  }

  get #opened(): ScrubRecord {
    if (!this.#record) throw new Error('the scrubber is not open')
    return this.#record
  }

  get #elapsedMs(): number {
    return this.#dependencies.clock.nowMs() - this.#beganMs
  }

  #shareOf({ position }: ScrubRecord): number {
    return shareOf(Buffer.from(position, 'hex'))
  }

  async #step(signal: AbortSignal): Promise<void> {
    const { blocks, clock, load } = this.#dependencies
    const { position } = this.#opened
    if (position === '' && !this.#hasBegun) await this.#dependencies.onBegin(signal)
    this.#hasBegun = true
    const stop = nextBlock(blocks, position === '' ? undefined : Buffer.from(position, 'hex'))
    const bytes = stop ? diskBytesOf(stop.size) : 0
    this.#bucket = refill(this.#bucket, this.#rate, clock.nowMs())
    const waitForMs = waitMs(this.#options, {
      // Behind the last block the pass goes on: what is stored there until its end still has its turn.
      share: stop ? shareOf(stop.digest) : 1,
      bytes,
      elapsedMs: this.#elapsedMs,
      allowedBytes: this.#bucket.tokens,
      isBusy: load.isBusy(),
    })
    if (waitForMs > 0) return this.#wait(waitForMs, signal)
    if (!stop) return this.#end(signal)
    this.#bucket = { ...this.#bucket, tokens: this.#bucket.tokens - bytes }
    await this.#look(stop, signal)
    await this.#saveIfDue()
    // Small blocks come from memory: without this nothing else would have its turn.
    await turn()
  }

  async #look({ hash, size, digest }: Stop, signal: AbortSignal): Promise<void> {
    const { blocks, memory, metrics } = this.#dependencies
    const lease = await memory.lease(size, { signal })
    try {
      await blocks.inspect(hash, isIntact, { signal })
      metrics.verifiedBlocks.inc()
      metrics.verifiedBytes.inc(size)
    } catch (error) {
      // What is damaged the store has taken out, and told of.
      if (!isSkepError(error, 'BLOCK_NOT_FOUND') && !isSkepError(error, 'BLOCK_CORRUPT')) throw error
    } finally {
      lease.release()
      // Also where the disk failed: the loop is run again after a while, and goes on behind what it can't read.
      if (!signal.aborted) this.#pass(digest, size)
    }
  }

  #pass(digest: Uint8Array, size: number): void {
    const { blocks, bytes } = this.#opened
    this.#change({ position: Buffer.from(digest).toString('hex'), blocks: blocks + 1, bytes: bytes + size })
  }

  async #end(signal: AbortSignal): Promise<void> {
    await this.#dependencies.onPass(signal)
    const { blocks, bytes } = this.#opened
    const lastPass = {
      endedMs: this.#dependencies.clock.wallMs(),
      durationMs: this.#elapsedMs,
      blocks,
      bytes,
    }
    this.#change({ isDone: true, lastPass })
    await this.save()
  }

  /** Until the period is over; then the next pass begins. */
  async #rest(signal: AbortSignal): Promise<void> {
    const leftMs = this.#options.periodMs - this.#elapsedMs
    if (leftMs > 0) return this.#wait(leftMs, signal)
    this.#beganMs = this.#dependencies.clock.nowMs()
    this.#hasBegun = false
    this.#change({ position: '', isDone: false, blocks: 0, bytes: 0 })
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    const { clock, load } = this.#dependencies
    const forMs = Math.min(ms, MAX_WAIT_MS)
    const fromMs = clock.nowMs()
    await clock.wait(forMs, signal)
    load.woke(clock.nowMs() - fromMs - forMs)
    await this.#saveIfDue()
  }

  #change(change: Partial<ScrubRecord>): void {
    this.#record = { ...this.#opened, ...change }
    this.#isChanged = true
  }

  async #saveIfDue(): Promise<void> {
    const saveMs = Math.max(SAVE_PERIOD_MS, this.#options.periodMs / SAVES_PER_PASS)
    if (this.#dependencies.clock.nowMs() - this.#savedMs >= saveMs) await this.save()
  }
}
