import { type Bucket, type EvidenceKind, type KeyValueStore, type Logger, messageOf } from '../../core/api.ts'
import { FORGET_BANS_MS } from './ban-policy.ts'
import { EVIDENCE_KINDS } from './evidence.ts'
import { MAX_DETAIL_CHARACTERS } from './standing.ts'

/** The last ban of one peer. Times are of the node's uptime. */
export interface Ban {
  readonly kind: EvidenceKind
  readonly detail: string
  readonly madeMs: number
  /** It has ended where this is over; it is remembered then, so that the next one is longer. */
  readonly untilMs: number
  /** Bans of this peer so far, with this one. */
  readonly times: number
}

export interface BanListOptions {
  readonly maxBans: number
}

export interface BanListDependencies {
  /** Each change is flushed: a power cut lets nobody back in. */
  readonly store: KeyValueStore
  readonly log: Logger
}

/** Peer id as text -> JSON. */
const BUCKET = 'reputation/bans'

/** Bans, by peer id; in memory and on disk. A full list loses those that have ended first, then the one that ends first. */
export class BanList {
  readonly #options: BanListOptions
  readonly #deps: BanListDependencies
  readonly #bans = new Map<string, Ban>()
  readonly #unsaved = new Set<string>()
  #saving: Promise<void> = Promise.resolve()
  #failure: string | undefined

  constructor(options: BanListOptions, deps: BanListDependencies) {
    this.#options = options
    this.#deps = deps
  }

  /** Why the last change is not on disk; undefined where all is. */
  get failure(): string | undefined {
    return this.#failure
  }

  /** Reads what earlier runs left; returns the latest time in it. One that can't be read costs no start. */
  open(): number {
    let latestMs = 0
    for (const [key, value] of this.#bucket.entries({ limit: this.#options.maxBans })) {
      const peer = Buffer.from(key).toString()
      const ban = decodeBan(value)
      if (!ban) {
        this.#deps.log.warn({ peer }, 'a ban could not be read: it does not count')
        continue
      }
      this.#bans.set(peer, ban)
      latestMs = Math.max(latestMs, ban.madeMs)
    }
    return latestMs
  }

  /** The last ban of a peer, ended or not. */
  get(peer: string): Ban | undefined {
    return this.#bans.get(peer)
  }

  active(peer: string, nowMs: number): Ban | undefined {
    const ban = this.#bans.get(peer)
    return ban && ban.untilMs > nowMs ? ban : undefined
  }

  /** Bans that haven't ended, the last made last. */
  list(nowMs: number): [peer: string, ban: Ban][] {
    return [...this.#bans].filter(([, { untilMs }]) => untilMs > nowMs)
  }

  /** Counts at once; `save` brings it to disk. */
  add(peer: string, ban: Ban): void {
    this.#bans.delete(peer)
    if (this.#bans.size >= this.#options.maxBans) this.#makeRoom()
    this.#bans.set(peer, ban)
    this.#unsaved.add(peer)
  }

  /** As {@link add}. False where there was none. */
  remove(peer: string): boolean {
    if (!this.#bans.delete(peer)) return false
    this.#unsaved.add(peer)
    return true
  }

  /** Forgets bans that ended long ago. True where something is to be saved. */
  review(nowMs: number): boolean {
    for (const [peer, { untilMs }] of this.#bans) if (nowMs - untilMs > FORGET_BANS_MS) this.remove(peer)
    return this.#unsaved.size > 0
  }

  /**
   * Resolves when all changes so far are durable.
   * @throws SkepError those of the storage; then the changes wait for the next call
   */
  save(): Promise<void> {
    const saving = this.#saving.catch(() => undefined).then(() => this.#save())
    this.#saving = saving
    saving.catch(() => undefined)
    return saving
  }

  async #save(): Promise<void> {
    const changed = [...this.#unsaved]
    if (changed.length === 0) return
    this.#unsaved.clear()
    try {
      await this.#deps.store.write(batch => {
        const bucket = this.#bucket
        for (const peer of changed) {
          const ban = this.#bans.get(peer)
          if (ban) batch.put(bucket, Buffer.from(peer), Buffer.from(JSON.stringify(ban)))
          else batch.delete(bucket, Buffer.from(peer))
        }
      })
      this.#failure = undefined
    } catch (error) {
      for (const peer of changed) this.#unsaved.add(peer)
      this.#failure = messageOf(error)
      throw error
    }
  }

  get #bucket(): Bucket {
    return this.#deps.store.bucket(BUCKET)
  }

  #makeRoom(): void {
    const [first] = [...this.#bans].sort(([, a], [, b]) => a.untilMs - b.untilMs)
    if (first) this.remove(first[0])
  }
}

/** Undefined for what is no ban. Never throws. */
export function decodeBan(bytes: Uint8Array): Ban | undefined {
  try {
    const { kind, detail, madeMs, untilMs, times } = JSON.parse(Buffer.from(bytes).toString())
    const numbers = [madeMs, untilMs, times]
    if (!EVIDENCE_KINDS.includes(kind) || !numbers.every(value => Number.isFinite(value) && value >= 0))
      return undefined
    return { kind, detail: String(detail).slice(0, MAX_DETAIL_CHARACTERS), madeMs, untilMs, times }
  } catch {
    return undefined
  }
}
