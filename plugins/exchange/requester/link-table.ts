import type { PeerId } from '@libp2p/interface'
import { Distrust } from './distrust.ts'
import type { Link, LinkEvents, LinkKind } from './link.ts'
import type { MeteredRoom } from './planner.ts'

/** What of bandwidth the requester has to heed. */
export interface DownloadLimits {
  /** False where metered peers are nothing special. */
  readonly isLimited: boolean
  /** Metered peers may be asked for blocks. */
  readonly fetches: boolean
  /** Bytes that metered peers together may owe. */
  readonly downloadWindowBytes: number
  meters(peer: PeerId): boolean
}

export interface LinkTableOptions {
  readonly maxWindowBytes: number
  readonly distrustMs: number
}

export interface LinkTableDependencies {
  /** The best first. */
  readonly kinds: readonly LinkKind[]
  readonly events: LinkEvents
  readonly bandwidth: DownloadLimits
  readonly now: () => number
}

/**
 * A peer that speaks no protocol of ours may be asked again after a pause, twice as long each time, from the first to the last: one
 * that is just starting will speak it in a moment, others never.
 */
const FIRST_UNSUPPORTED_PAUSE_MS = 1_000
const LAST_UNSUPPORTED_PAUSE_MS = 60_000

/** One link to each connected peer, and which of them may be asked. */
export class LinkTable {
  readonly #options: LinkTableOptions
  readonly #deps: LinkTableDependencies
  readonly #distrust: Distrust
  readonly #links = new Map<string, Link>()
  /** How often in a row those with a link spoke none of the protocols. */
  readonly #unsupported = new Map<string, number>()

  constructor(options: LinkTableOptions, deps: LinkTableDependencies) {
    this.#options = options
    this.#deps = deps
    this.#distrust = new Distrust({ durationMs: options.distrustMs }, { now: deps.now })
  }

  get distrusted(): number {
    return this.#distrust.size
  }

  /** True where some link takes another block. */
  get hasRoom(): boolean {
    for (const { outstandingBytes, roomBytes } of this.#links.values()) {
      if (outstandingBytes === 0 || roomBytes > 0) return true
    }
    return false
  }

  get(id: string): Link | undefined {
    return this.#links.get(id)
  }

  values(): Iterable<Link> {
    return this.#links.values()
  }

  /** False where there is one already. */
  add(peer: PeerId): boolean {
    if (this.#links.has(peer.toString())) return false
    this.#open(peer, 0)
    return true
  }

  remove(id: string): Link | undefined {
    const link = this.#links.get(id)
    this.#links.delete(id)
    this.#unsupported.delete(id)
    return link
  }

  /**
   * Goes on with the next protocol after one that the peer doesn't speak. False where it was the last: it starts anew with
   * the first, some time later.
   */
  follow(link: Link): boolean {
    const { kinds } = this.#deps
    const next = kinds.findIndex(({ protocol }) => protocol === link.protocol) + 1
    const isKnown = this.#links.get(link.id) === link
    if (next < kinds.length) {
      if (isKnown) this.#open(link.peer, next)
      return true
    }
    if (isKnown) {
      const times = this.#unsupported.get(link.id) ?? 0
      this.#unsupported.set(link.id, times + 1)
      const pauseMs = Math.min(FIRST_UNSUPPORTED_PAUSE_MS * 2 ** times, LAST_UNSUPPORTED_PAUSE_MS)
      this.#open(link.peer, 0).pauseFor(pauseMs)
    }
    return false
  }

  distrust(id: string): void {
    this.#distrust.add(id)
  }

  usable(): Link[] {
    const { bandwidth } = this.#deps
    return [...this.#links.values()].filter(
      link =>
        link.usable && !this.#distrust.has(link.id) && (bandwidth.fetches || !bandwidth.meters(link.peer)),
    )
  }

  /** What metered ones of `usable` may still be asked for together; undefined where nothing limits them. */
  meteredRoom(usable: readonly Link[]): MeteredRoom | undefined {
    const { bandwidth } = this.#deps
    if (!bandwidth.isLimited) return undefined
    let roomBytes = bandwidth.downloadWindowBytes
    for (const link of this.#links.values()) {
      if (link.outstandingBytes > 0 && bandwidth.meters(link.peer)) roomBytes -= link.outstandingBytes
    }
    const metered = usable.filter(({ peer }) => bandwidth.meters(peer))
    return { roomBytes, peers: new Set(metered.map(({ id }) => id)) }
  }

  /** `answers` of peers, with why others were not asked. */
  explain(answers: ReadonlyMap<string, string>): Map<string, string> {
    const { bandwidth } = this.#deps
    const explained = new Map(answers)
    for (const [id, { peer }] of this.#links) {
      if (this.#distrust.has(id) && !answers.has(id))
        explained.set(id, 'not asked, it sent wrong bytes before')
      if (!bandwidth.fetches && bandwidth.meters(peer))
        explained.set(id, "not asked, the month's volume is used up")
    }
    return explained
  }

  #open(peer: PeerId, kind: number): Link {
    const { kinds, events, now } = this.#deps
    const link = kinds[kind]?.link(peer, this.#options, { events, now })
    if (!link) throw new TypeError(`there is no link of kind ${kind}`)
    this.#links.set(link.id, link)
    return link
  }
}
