import type { Channel, Logger, PeerId } from '../../../core/api.ts'
import { membersError } from './errors.ts'
import type { Holdings } from './holdings.ts'
import { SnapshotWalks } from './snapshot-walks.ts'
import { Telling } from './telling.ts'
import { decodeSubscribe } from './wire/codec.ts'

export interface TellerDependencies {
  readonly holdings: Holdings
  readonly log: Logger
  isMember(peer: PeerId): boolean
  /** A reader is about to be told all. */
  snapshot(): void
  /** Monotonic milliseconds. */
  now(): number
}

/** A reader says at once what it wants. */
const SUBSCRIBE_TIMEOUT_MS = 30_000

/** Tells members what this node holds. */
export class Teller {
  readonly #deps: TellerDependencies
  /** As many as there are streams. */
  readonly #tellings = new Set<Telling>()
  readonly #walks: SnapshotWalks

  constructor(deps: TellerDependencies) {
    this.#deps = deps
    this.#walks = new SnapshotWalks(deps)
  }

  /** Streams on which peers are told. */
  get readers(): number {
    return this.#tellings.size
  }

  tells(peer: PeerId): boolean {
    for (const telling of this.#tellings) if (telling.peer.equals(peer)) return true
    return false
  }

  /**
   * Tells one reader until it closes its side or the stream is gone. `began` is called once it has asked.
   * @throws SkepError INDEX_VIOLATION, and what the channel throws
   */
  async serve(channel: Channel, began: () => void): Promise<void> {
    const { peer } = channel
    const { holdings } = this.#deps
    const request = await channel.read({ signal: AbortSignal.timeout(SUBSCRIBE_TIMEOUT_MS) })
    if (!request) return
    const { known, maxBlocks } = decodeSubscribe(request)
    holdings.watch()
    const { epoch, changes } = holdings
    const fellBehind = (telling: Telling): void => this.#walks.join(telling)
    const telling = new Telling({ maxBlocks }, { channel, epoch, log: changes, fellBehind })
    this.#tellings.add(telling)
    began()
    try {
      telling.resume(known)
      const more = await channel.read()
      if (more) throw membersError('INDEX_VIOLATION', `${peer} subscribed twice on a stream`)
    } finally {
      this.#tellings.delete(telling)
      this.#walks.leave(telling)
    }
  }

  /** Something was logged. */
  changed(): void {
    for (const telling of this.#tellings) telling.changed()
  }

  /** Ends the streams of those who are members no longer. */
  review(): void {
    for (const telling of this.#tellings) {
      if (!this.#deps.isMember(telling.peer))
        telling.end(membersError('NOT_A_MEMBER', `${telling.peer} is a member no longer`))
    }
  }

  /** Resolves when no snapshot goes on. Streams end with their handler. */
  stop(): Promise<void> {
    return this.#walks.stop()
  }
}
