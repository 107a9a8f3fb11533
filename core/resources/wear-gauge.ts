import { messageOf } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Health } from '../plugin.ts'
import type { Bucket, Storage } from '../storage/storage.ts'
import {
  advance,
  amplificationOf,
  bytesPerDay,
  type CardLife,
  cardLife,
  chooseSource,
  decodeTallies,
  EMPTY_TALLY,
  encodeTallies,
  judgeLife,
  type WearSource,
  type WriteTallies,
} from './wear.ts'
import { findMedium, type Medium, type MediumCounters, type MediumOptions } from './write-counters.ts'

export interface WearOptions extends MediumOptions {
  /** What is worn is what it lies on. */
  readonly directory: string
  /** Bytes that the disk bears; 0: as often its size as `fullWrites` says. */
  readonly ratedBytes: number
  readonly fullWrites: number
  /** Health tells of a life shorter than that; 0: never. */
  readonly minLifeMs: number
}

export interface WearDependencies {
  readonly storage: Pick<Storage, 'bookkeeping'> & { readonly blocks: Pick<Storage['blocks'], 'onStored'> }
  readonly log: Logger
  /** Monotonic. */
  nowMs(): number
}

/** What is known of writes to the disk. Plain JSON; null is unknown. */
export interface WearStatus {
  /** What the figures below were counted by; null where nothing counts writes here. */
  readonly source: WearSource | null
  readonly counts: 'own writes' | 'all writes of the machine' | 'pages made dirty by this process' | 'nothing'
  /** The disk, such as `mmcblk0`; null where the file system has none of its own: tmpfs, overlay, btrfs. */
  readonly device: string | null
  /** Since the data directory was made, less what a kill forgot. */
  readonly observedMs: number
  readonly logicalBytes: number
  readonly writtenBytes: number
  readonly amplification: number | null
  readonly writtenBytesPerDay: number | null
  readonly card: CardLife
  readonly health: Health
  /** Since the start, by every source there is, to check one by the other; `wchar` is what was handed to `write`, sockets too. */
  readonly sinceStart: { readonly logicalBytes: number } & Readonly<
    Partial<Record<WearSource | 'wchar', number>>
  >
}

const COUNTS = {
  cgroup: 'own writes',
  device: 'all writes of the machine',
  process: 'pages made dirty by this process',
} as const

const BUCKET = 'wear'
const KEY = Buffer.from('tallies')
const SAMPLE_PERIOD_MS = 60_000
/** Reading `io.stat` has the kernel add up its counters: once a second is plenty. */
const MIN_SAMPLE_MS = 1000
/** Rarely, as it costs a write. A kill forgets what came since. */
const SAVE_PERIOD_MS = 3_600_000

/** Watches what is written to the disk, across restarts. */
export class WearGauge {
  readonly #options: WearOptions
  readonly #dependencies: WearDependencies
  readonly #bucket: Bucket
  #medium: Medium | undefined
  #first: MediumCounters = {}
  #last: MediumCounters = {}
  #lastMs = 0
  #savedMs = 0
  #logicalBytes = 0
  #countedBytes = 0
  #tallies: WriteTallies = {}
  #run: WriteTallies = {}
  #timer: NodeJS.Timeout | undefined
  #unsubscribe: () => void = () => {}

  constructor(options: WearOptions, dependencies: WearDependencies) {
    this.#options = options
    this.#dependencies = dependencies
    this.#bucket = dependencies.storage.bookkeeping.bucket(BUCKET)
  }

  /** Takes up the tallies as they were left. */
  async start(): Promise<void> {
    const { directory } = this.#options
    const { storage, nowMs } = this.#dependencies
    this.#tallies = this.#load()
    this.#medium = await findMedium(directory, this.#options)
    this.#first = this.#medium.read()
    this.#last = this.#first
    this.#lastMs = nowMs()
    this.#savedMs = this.#lastMs
    this.#sample()
    this.#unsubscribe = storage.blocks.onStored((_, bytes) => {
      this.#logicalBytes += bytes
    })
    this.#timer = setInterval(() => {
      this.#sample()
      if (nowMs() - this.#savedMs >= SAVE_PERIOD_MS) void this.#save()
    }, SAMPLE_PERIOD_MS).unref()
  }

  status(): WearStatus {
    if (this.#dependencies.nowMs() - this.#lastMs >= MIN_SAMPLE_MS) this.#sample()
    const source = chooseSource(this.#run)
    const tally = (source && this.#tallies[source]) ?? EMPTY_TALLY
    const { ratedBytes, fullWrites, minLifeMs } = this.#options
    const capacityBytes = this.#medium?.capacityBytes ?? 0
    const card = cardLife(this.#tallies, source ?? 'process', ratedBytes || capacityBytes * fullWrites)
    return {
      source: source ?? null,
      counts: source ? COUNTS[source] : 'nothing',
      device: this.#medium?.device ?? null,
      observedMs: tally.observedMs,
      logicalBytes: tally.logicalBytes,
      writtenBytes: tally.writtenBytes,
      amplification: amplificationOf(tally),
      writtenBytesPerDay: bytesPerDay(tally),
      card,
      health: judgeLife(card, minLifeMs),
      sinceStart: { logicalBytes: this.#logicalBytes, ...difference(this.#first, this.#last) },
    }
  }

  /** Hands the tallies to the storage. Idempotent. */
  async stop(): Promise<void> {
    if (!this.#timer) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#unsubscribe()
    this.#sample()
    await this.#save()
  }

  #sample(): void {
    if (!this.#medium) return
    const after = this.#medium.read()
    const nowMs = this.#dependencies.nowMs()
    const step = {
      elapsedMs: nowMs - this.#lastMs,
      before: this.#last,
      after,
      logicalBytes: this.#logicalBytes - this.#countedBytes,
    }
    this.#tallies = advance(this.#tallies, step)
    this.#run = advance(this.#run, step)
    this.#last = after
    this.#lastMs = nowMs
    this.#countedBytes = this.#logicalBytes
  }

  #load(): WriteTallies {
    const bytes = this.#bucket.get(KEY)
    if (!bytes) return {}
    try {
      return decodeTallies(Buffer.from(bytes).toString())
    } catch (error) {
      this.#dependencies.log.warn({ reason: messageOf(error) }, 'what was written so far is forgotten')
      return {}
    }
  }

  async #save(): Promise<void> {
    const { storage, nowMs, log } = this.#dependencies
    this.#savedMs = nowMs()
    const text = encodeTallies(this.#tallies)
    await storage.bookkeeping
      .write(batch => batch.put(this.#bucket, KEY, Buffer.from(text)))
      .catch(error => log.warn({ err: error }, 'what was written so far is not saved'))
  }
}

function difference(first: MediumCounters, last: MediumCounters): MediumCounters {
  const names = ['cgroup', 'device', 'process', 'wchar'] as const
  return Object.fromEntries(
    names.flatMap(name => {
      const [from, to] = [first[name], last[name]]
      return from === undefined || to === undefined ? [] : [[name, Math.max(0, to - from)]]
    }),
  )
}
