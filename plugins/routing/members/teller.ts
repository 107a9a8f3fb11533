import { setTimeout } from 'node:timers/promises'
import type { Channel, Logger, PeerId } from '../../../core/api.ts'
import { membersError } from './errors.ts'
import type { Holdings } from './holdings.ts'
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

/** A snapshot rests so many times as long as it works: it may take a quarter of the processor, whatever that is. */
const REST_FACTOR = 3

/**
 * Tells members what this node holds. One walk through the store at a time serves all who need a snapshot when it begins, at
 * the pace of the slowest; others wait for the next.
 */
export class Teller {
  readonly #deps: TellerDependencies
  /** As many as there are streams. */
  readonly #tellings = new Set<Telling>()
  readonly #waiting = new Set<Telling>()
  readonly #stopping = new AbortController()
  #walk: Promise<void> | undefined

  constructor(deps: TellerDependencies) {
    this.#deps = deps
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
   * @throws SkepError NOT_A_MEMBER, INDEX_VIOLATION, and what the channel throws
   */
  async serve(channel: Channel, began: () => void): Promise<void> {
    const { peer } = channel
    const { holdings, isMember } = this.#deps
    if (!isMember(peer)) throw membersError('NOT_A_MEMBER', `${peer} asked what is held here`)
    const request = await channel.read({ signal: AbortSignal.timeout(SUBSCRIBE_TIMEOUT_MS) })
    if (!request) return
    const { known, maxBlocks } = decodeSubscribe(request)
    holdings.watch()
    const { epoch, changes } = holdings
    const fellBehind = (telling: Telling): void => this.#queue(telling)
    const telling = new Telling({ maxBlocks }, { channel, epoch, log: changes, fellBehind })
    this.#tellings.add(telling)
    began()
    try {
      telling.resume(known)
      const more = await channel.read()
      if (more) throw membersError('INDEX_VIOLATION', `${peer} subscribed twice on a stream`)
    } finally {
      this.#tellings.delete(telling)
      this.#waiting.delete(telling)
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

  /** Resolves when no walk goes on. Streams end with their handler. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#waiting.clear()
    await this.#walk
  }

  #queue(telling: Telling): void {
    this.#waiting.add(telling)
    this.#walk ??= this.#walkForAll().finally(() => {
      this.#walk = undefined
    })
  }

  async #walkForAll(): Promise<void> {
    while (this.#waiting.size > 0 && !this.#stopping.signal.aborted) {
      const tellings = [...this.#waiting]
      this.#waiting.clear()
      try {
        await this.#walkFor(tellings)
      } catch (err) {
        this.#deps.log.warn({ err }, 'what is held could not be read, and is not told')
        const reason = membersError('INDEX_OVER', 'what is held could not be read', { cause: err })
        for (const telling of tellings) telling.end(reason)
      }
    }
  }

  async #walkFor(tellings: readonly Telling[]): Promise<void> {
    const { holdings, now } = this.#deps
    const { signal } = this.#stopping
    const { blocks } = holdings
    let open = tellings
    let after: Uint8Array | undefined
    for (const _ of tellings) this.#deps.snapshot()
    await Promise.all(tellings.map(telling => telling.begin(blocks)))
    for (;;) {
      open = open.filter(({ takesParts }) => takesParts)
      if (open.length === 0 || signal.aborted) return
      const fromMs = now()
      const { fingerprints, next } = holdings.slice(after)
      const telling = open.map(async reader => ({
        reader,
        isDone: await reader.tell(fingerprints, next === undefined),
      }))
      const workedMs = now() - fromMs
      open = (await Promise.all(telling)).flatMap(({ reader, isDone }) => (isDone ? [] : reader))
      after = next
      if (!after) return
      await setTimeout(workedMs * REST_FACTOR, undefined, { signal, ref: false }).catch(() => undefined)
    }
  }
}
