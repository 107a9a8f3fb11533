import type { Bucket, KeyValueStore, Logger } from '../../core/api.ts'
import { decodeStanding, encodeStanding } from './standing-codec.ts'
import type { StandingTable } from './standing-table.ts'

export interface StandingShelfDependencies {
  /** The bookkeeping: what is written reaches the disk with all the rest, once in a while. */
  readonly store: KeyValueStore
  readonly log: Logger
}

/** Peer id as text -> `standing-codec.ts`. */
const STANDINGS = 'reputation/standings'
const CLOCK = 'reputation/clock'
const UPTIME_KEY = Buffer.from('uptime')

/** Standings and the uptime on disk. A crash loses what changed lately. */
export class StandingShelf {
  readonly #deps: StandingShelfDependencies

  constructor(deps: StandingShelfDependencies) {
    this.#deps = deps
  }

  /** Brings what earlier runs left into `table`; returns the uptime they left. What can't be read counts for nothing. */
  load(table: StandingTable): number {
    const uptimeMs = Number(Buffer.from(this.#clock.get(UPTIME_KEY) ?? []).toString())
    const nowMs = Number.isFinite(uptimeMs) && uptimeMs > 0 ? uptimeMs : 0
    for (const [key, value] of this.#standings.entries()) {
      const standing = decodeStanding(value)
      if (standing) table.set(Buffer.from(key).toString(), standing, nowMs)
      else
        this.#deps.log.warn({ peer: Buffer.from(key).toString() }, 'what was known of a peer is unreadable')
    }
    table.takeChanged()
    return nowMs
  }

  /** @throws SkepError those of the storage; then the changes wait for the next call */
  async save(table: StandingTable, uptimeMs: number): Promise<void> {
    const changed = table.takeChanged()
    try {
      await this.#deps.store.write(batch => {
        const standings = this.#standings
        for (const [peer, standing] of changed) {
          if (standing) batch.put(standings, Buffer.from(peer), encodeStanding(standing))
          else batch.delete(standings, Buffer.from(peer))
        }
        batch.put(this.#clock, UPTIME_KEY, Buffer.from(String(Math.round(uptimeMs))))
      })
    } catch (error) {
      table.changedStill(changed.map(([peer]) => peer))
      throw error
    }
  }

  get #standings(): Bucket {
    return this.#deps.store.bucket(STANDINGS)
  }

  get #clock(): Bucket {
    return this.#deps.store.bucket(CLOCK)
  }
}
