import type { NetworkInterfaceInfo } from 'node:os'
import {
  type Channel,
  formatBytes,
  type Health,
  type Logger,
  type NetworkPort,
  type PeerId,
} from '../../../core/api.ts'
import type { BandwidthConfig } from './config.ts'
import { type Level, type Limits, levelOf, limitsAnything, limitsAt } from './limits.ts'
import { isLocalAddress } from './local-address.ts'
import { type Meter, MeteredChannel } from './metered-channel.ts'
import { advance, count, EMPTY_MONTH, type Month, monthEnd } from './month.ts'
import { Pacer, type PacerDependencies } from './pacer.ts'
import type { VolumeStore } from './volume-store.ts'

type Ports = Pick<NetworkPort, 'open' | 'openLane' | 'handle' | 'connections'>
type Connection = ReturnType<Ports['connections']>[number]

export interface BandwidthDependencies extends PacerDependencies {
  readonly network: Ports
  readonly store: VolumeStore
  readonly log: Logger
  /** Milliseconds since 1970, as far as the clock knows. */
  time(): number
  interfaces(): NodeJS.Dict<NetworkInterfaceInfo[]>
  /** Told of all that metered peers send and get. */
  counted(direction: 'sent' | 'received', bytes: number): void
}

/** What metered peers may owe: what the cap lets arrive in so long. */
const DOWNLOAD_WINDOW_SECONDS = 1

const HOUR_MS = 3_600_000

/** For the status page: bytes, and bytes a second; null where there is no limit. */
export interface BandwidthStatus {
  readonly uploadBytesPerSecond: number | null
  readonly downloadBytesPerSecond: number | null
  readonly month: {
    /** ISO dates; null while the clock has not been set. */
    readonly from: string | null
    readonly until: string | null
    readonly sentBytes: number
    readonly receivedBytes: number
    readonly budgetBytes: number | null
    readonly level: Level
  }
}

/**
 * Caps and the monthly volume. Every peer is metered but those on the local network. All streams opened and handled through
 * {@link network} are counted and paced, whatever they speak.
 */
export class Bandwidth implements Meter {
  readonly upload: Pacer
  readonly download: Pacer
  /** The network, with metered channels. */
  readonly network: Pick<Ports, 'open' | 'openLane' | 'handle'>
  /** False where metered peers are nothing special. */
  readonly isLimited: boolean
  readonly #config: BandwidthConfig
  readonly #deps: BandwidthDependencies
  readonly #local = new WeakMap<Connection, boolean>()
  #month: Month = EMPTY_MONTH
  #saved: Month = EMPTY_MONTH
  #loaded = false
  #saving: Promise<void> | undefined
  #level: Level = 'normal'
  #limits: Limits
  #checkedMs: number

  constructor(config: BandwidthConfig, deps: BandwidthDependencies) {
    this.#config = config
    this.#deps = deps
    this.#limits = limitsAt('normal', config)
    this.#checkedMs = deps.now()
    this.isLimited = limitsAnything(config)
    this.upload = new Pacer(this.#limits.uploadBytesPerSecond, deps)
    this.download = new Pacer(this.#limits.downloadBytesPerSecond, deps)
    const { network } = deps
    this.network = {
      open: async (peer, protocol, options) => this.#metered(await network.open(peer, protocol, options)),
      openLane: async (peer, protocol, options) =>
        this.#metered(await network.openLane(peer, protocol, options)),
      handle: (protocol, handler) => network.handle(protocol, channel => handler(this.#metered(channel))),
    }
  }

  /** Metered peers are served. */
  get serves(): boolean {
    return this.#limits.serves
  }

  /** Metered peers are asked for blocks. */
  get fetches(): boolean {
    return this.#limits.fetches
  }

  get uploadBytesPerSecond(): number {
    return this.upload.bytesPerSecond
  }

  /** Bytes that metered peers together may owe: more would only wait, in buffers of ours. */
  get downloadWindowBytes(): number {
    return this.download.bytesPerSecond * DOWNLOAD_WINDOW_SECONDS
  }

  /** Bytes of this month, both directions. */
  get monthBytes(): number {
    return this.#month.sentBytes + this.#month.receivedBytes
  }

  /** A peer is exempt only while every connection to it is local: which of them a stream takes is libp2p's choice. */
  meters(peer: PeerId): boolean {
    if (!this.#config.exemptLan) return true
    const connections = this.#deps.network.connections(peer)
    return connections.length === 0 || !connections.every(connection => this.#isLocal(connection))
  }

  /** True of a channel of {@link network} to a metered peer. */
  isMetered(channel: Channel): boolean {
    return channel instanceof MeteredChannel
  }

  count(direction: 'sent' | 'received', bytes: number): void {
    this.#month = count(this.#month, direction, bytes)
    this.#deps.counted(direction, bytes)
    this.#apply()
  }

  /** Takes up the month as it was left. */
  load(): void {
    const { store, log } = this.#deps
    this.#month = store.load(reason =>
      log.warn({ reason }, "the month's volume can't be read: it begins at 0"),
    )
    this.#saved = this.#month
    this.#loaded = true
    this.#checkedMs = this.#deps.now()
    this.#advance()
    this.#level = this.#levelNow()
    this.#limit()
  }

  /** To be called about once a minute: looks at the calendar, and keeps what has changed. A kill loses what came since. */
  async tick(): Promise<void> {
    if (!this.#loaded) return
    this.#advance()
    this.#apply()
    await this.#saving
    if (!isWorthSaving(this.#month, this.#saved)) return
    const month = this.#month
    this.#saving = this.#deps.store.save(month).finally(() => {
      this.#saving = undefined
    })
    await this.#saving
    this.#saved = month
  }

  /** Keeps what has changed, and holds nobody back any more. */
  async stop(): Promise<void> {
    try {
      await this.tick()
    } finally {
      this.upload.stop()
      this.download.stop()
    }
  }

  status(): BandwidthStatus {
    const { startMs, sentBytes, receivedBytes } = this.#month
    return {
      uploadBytesPerSecond: finite(this.#limits.uploadBytesPerSecond),
      downloadBytesPerSecond: finite(this.#limits.downloadBytesPerSecond),
      month: {
        from: dateOf(startMs),
        until: dateOf(startMs === undefined ? undefined : monthEnd(startMs)),
        sentBytes,
        receivedBytes,
        budgetBytes: this.#config.monthlyBytes ?? null,
        level: this.#level,
      },
    }
  }

  /** Undefined where nothing is stopped. */
  health(): Health | undefined {
    const { serves, fetches } = this.#limits
    if (serves && fetches) return undefined
    const { month } = this.status()
    const stopped = fetches ? 'not served' : 'neither served nor asked'
    const until = month.until === null ? 'until a new month begins' : `until ${month.until}`
    return {
      status: 'degraded',
      reason: `the month's ${formatBytes(month.budgetBytes ?? 0)} are used up: peers outside the local network are ${stopped} ${until}`,
    }
  }

  #metered(channel: Channel): Channel {
    return this.meters(channel.peer) ? new MeteredChannel(channel, this) : channel
  }

  #isLocal(connection: Connection): boolean {
    const known = this.#local.get(connection)
    if (known !== undefined) return known
    const { limits, remoteAddr } = connection
    const local = limits === undefined && isLocalAddress(remoteAddr, this.#deps.interfaces)
    this.#local.set(connection, local)
    return local
  }

  #advance(): void {
    const nowMs = this.#deps.now()
    const elapsedMs = nowMs - this.#checkedMs
    this.#checkedMs = nowMs
    this.#month = advance(this.#month, {
      nowMs: this.#deps.time(),
      elapsedMs,
      startDay: this.#config.monthStartDay,
    })
  }

  /** Has the limits follow the volume. */
  #apply(): void {
    const level = this.#levelNow()
    if (level === this.#level) return
    this.#level = level
    this.#limit()
    const { monthlyBytes, onNearlySpent, onSpent } = this.#config
    const volume = { usedBytes: this.monthBytes, budgetBytes: monthlyBytes }
    const { log } = this.#deps
    if (level === 'spent') log.warn({ ...volume, action: onSpent }, "the month's volume is used up")
    else if (level === 'normal') log.info(volume, 'a new month of volume has begun')
    else log.warn({ ...volume, action: onNearlySpent }, "80 % of the month's volume are used")
  }

  #limit(): void {
    this.#limits = limitsAt(this.#level, this.#config)
    this.upload.bytesPerSecond = this.#limits.uploadBytesPerSecond
    this.download.bytesPerSecond = this.#limits.downloadBytesPerSecond
  }

  #levelNow(): Level {
    return levelOf(this.monthBytes, this.#config.monthlyBytes)
  }
}

/** Doubt about the clock alone is kept rarely, as it costs a write. */
function isWorthSaving(month: Month, saved: Month): boolean {
  const { startMs, sentBytes, receivedBytes, doubtMs } = month
  if (sentBytes !== saved.sentBytes || receivedBytes !== saved.receivedBytes) return true
  return startMs !== saved.startMs || Math.abs(doubtMs - saved.doubtMs) >= HOUR_MS
}

function finite(bytesPerSecond: number): number | null {
  return Number.isFinite(bytesPerSecond) ? bytesPerSecond : null
}

function dateOf(timeMs: number | undefined): string | null {
  return timeMs === undefined ? null : new Date(timeMs).toISOString().slice(0, 10)
}
