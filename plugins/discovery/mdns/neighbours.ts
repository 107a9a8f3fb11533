import { randomBytes } from 'node:crypto'
import { BlockList } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { QueryPacket, ResponsePacket } from 'multicast-dns'
import { type Events, HEALTHY, type Health, messageOf, type NetworkPort } from '../../../core/api.ts'
import type { MdnsConfig } from '../config.ts'
import { linksOf, type MulticastInterface, multicastInterfaces } from './interfaces.ts'
import { MulticastSocket } from './multicast-socket.ts'
import { answerOf, isAnswerOf, neighbourOf, tellable } from './packets.ts'
import { queryWaitMs } from './query-plan.ts'

export interface NeighboursDependencies {
  /** What to ask for and answer to, as the fleet is now; none: nobody. */
  readonly serviceTags: () => readonly string[]
  readonly network: Pick<NetworkPort, 'addresses' | 'self'>
  readonly events: Pick<Events, 'on'>
  readonly onFound: (peer: PeerId, addresses: readonly Multiaddr[]) => void
  readonly onSent: (kind: 'query' | 'answer') => void
  /** Monotonic. */
  readonly nowMs: () => number
  /** From 0 to below 1. */
  readonly random: () => number
}

/** What is known of one network. */
interface Place {
  readonly on: MulticastInterface
  /** Queries in a row that didn't come back. */
  unheard: number
  isHeard: boolean
  trouble: string | undefined
}

/** Queries that may stay unheard in a row: one lost packet is no trouble. */
const MAX_UNHEARD = 3
/** How often to look for networks that came or went, should nobody have told. */
const LOOK_MS = 30_000
/** Answers wait by chance for so long, so that all don't answer at the same moment, and one answer does for many questions. */
const ANSWER_DELAY_MS = [20, 120] as const
/** https://www.rfc-editor.org/rfc/rfc6762#section-6 */
const MIN_ANSWER_GAP_MS = 1000
/** Intervals in which others may have asked instead of this node. */
const MAX_POSTPONED = 6
/** However often things change. */
const MIN_QUERY_GAP_MS = 1000
/** The specification asks for 32 to 63 characters, by chance. */
const NAME_BYTES = 16

/**
 * Finds neighbours by multicast DNS, on each network of the machine. Whether it works is told by its own packets: multicast
 * brings them back to the sender, and where they stay away nobody else hears them either.
 */
export class Neighbours {
  readonly #options: Pick<MdnsConfig, 'intervalMs'>
  readonly #dependencies: NeighboursDependencies
  /** Of this node among its neighbours; another one each time it begins, also under other tags. */
  #name = ''
  #tags: readonly string[] = []
  /** Tags that were asked for, and not answered yet. */
  readonly #asking = new Set<string>()
  /** By address. */
  #places = new Map<string, Place>()
  /** Where neighbours are: packets from anywhere else don't count. */
  #links = new BlockList()
  /** Why there is no socket. */
  #trouble: string | undefined
  #socket: MulticastSocket | undefined
  #answer: NodeJS.Timeout | undefined
  #answeredMs = Number.NEGATIVE_INFINITY
  /** Queries since something changed. */
  #asked = 0
  #askedMs = Number.NEGATIVE_INFINITY
  #askAtMs = 0
  #rest = new AbortController()

  constructor(options: Pick<MdnsConfig, 'intervalMs'>, dependencies: NeighboursDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  get isWorking(): boolean {
    return [...this.#places.values()].some(({ isHeard }) => isHeard)
  }

  get serviceTags(): readonly string[] {
    return this.#tags
  }

  /** Networks searched, each with whether this node's own packets come back on it. */
  interfaces(): { name: string; working: boolean }[] {
    return [...this.#places.values()].map(({ on, isHeard }) => ({ name: on.name, working: isHeard }))
  }

  /** Background loop: looks for neighbours until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { events } = this.#dependencies
    this.#begin()
    const unsubscribe = [
      events.on('fleet:changed', () => this.#follow()),
      events.on('network:changed', () => this.#startOver()),
      events.on('network:addresses', () => this.#startOver()),
    ]
    try {
      await using socket = await MulticastSocket.open({
        onQuery: (packet, from) => {
          if (this.#links.check(from)) this.#onQuery(packet, from)
        },
        onResponse: (packet, from) => {
          if (this.#links.check(from)) this.#onResponse(packet, from)
        },
        onTrouble: error => {
          this.#trouble = messageOf(error)
        },
      })
      this.#socket = socket
      this.#trouble = undefined
      this.#startOver()
      while (!signal.aborted) await this.#turn(socket, signal)
    } catch (error) {
      if (!signal.aborted) this.#trouble = messageOf(error)
      throw error
    } finally {
      for (const stop of unsubscribe) stop()
      clearTimeout(this.#answer)
      this.#answer = undefined
      this.#socket = undefined
      this.#places.clear()
    }
  }

  health(): Health {
    const troubles = [...this.#places.values()].flatMap(place => {
      const why = troubleOf(place)
      return why === undefined ? [] : [`${place.on.name}: ${why}`]
    })
    const why = this.#trouble ?? troubles.join('; ')
    return why ? { status: 'degraded', reason: `mDNS finds no neighbours: ${why}` } : HEALTHY
  }

  /** Under the tags there are now. Nobody shall see by its name that it is the one that had others. */
  #begin(): void {
    this.#tags = this.#dependencies.serviceTags()
    this.#name = randomBytes(NAME_BYTES).toString('hex')
    this.#asking.clear()
  }

  /** The fleet changed: most times its roster alone. */
  #follow(): void {
    if (this.#dependencies.serviceTags().join() === this.#tags.join()) return
    this.#begin()
    this.#startOver()
  }

  /** Asks often again for a while: something changed. */
  #startOver(): void {
    this.#asked = 0
    this.#askAtMs = this.#askedMs + MIN_QUERY_GAP_MS
    this.#rest.abort()
  }

  /** Looks which networks there are, asks where it is time, and waits for what comes next. */
  async #turn(socket: MulticastSocket, signal: AbortSignal): Promise<void> {
    const { nowMs, random } = this.#dependencies
    this.#rest = new AbortController()
    this.#look(socket)
    if (nowMs() >= this.#askAtMs) {
      this.#asked += 1
      this.#askedMs = nowMs()
      this.#askAtMs = nowMs() + queryWaitMs(this.#asked, this.#options.intervalMs, random())
      await this.#ask(socket)
    }
    const waitMs = Math.min(LOOK_MS, Math.max(0, this.#askAtMs - nowMs()))
    const woken = AbortSignal.any([signal, this.#rest.signal])
    await sleep(waitMs, undefined, { signal: woken, ref: false }).catch(() => undefined)
  }

  #look(socket: MulticastSocket): void {
    const before = this.#places
    this.#links = linksOf()
    this.#places = new Map(
      multicastInterfaces().map(on => [
        on.address,
        before.get(on.address) ?? { on, unheard: 0, isHeard: false, trouble: undefined },
      ]),
    )
    if ([...this.#places.keys()].some(address => !before.has(address))) this.#startOver()
    for (const place of this.#places.values()) {
      try {
        socket.join(place.on)
      } catch (error) {
        // A socket joins so many networks, also those that are gone: the next one starts anew.
        if ((error as NodeJS.ErrnoException).code === 'ENOBUFS') throw error
        place.trouble = messageOf(error)
      }
    }
  }

  async #ask(socket: MulticastSocket): Promise<void> {
    if (this.#tags.length === 0) return
    for (const place of this.#places.values()) {
      place.unheard += 1
      if (place.isHeard && place.unheard > 1) {
        // The last one did not come back: find out quickly whether that was chance.
        if (place.unheard === 2) this.#startOver()
        place.isHeard = place.unheard <= MAX_UNHEARD
      }
      try {
        await socket.query(this.#tags, place.on)
        this.#dependencies.onSent('query')
      } catch (error) {
        place.trouble = messageOf(error)
      }
    }
  }

  #onQuery({ questions }: QueryPacket, from: string): void {
    const asked = this.#tags.filter(tag => questions.some(({ name }) => name === tag))
    if (asked.length === 0) return
    // What comes from here while nothing of ours is on its way is of another node of this machine.
    const isOwn = (this.#places.get(from)?.unheard ?? 0) > 0
    this.#heard(from)
    if (!isOwn && asked.length === this.#tags.length) this.#postpone()
    for (const tag of asked) this.#asking.add(tag)
    this.#answerSoon()
  }

  #onResponse(packet: ResponsePacket, from: string): void {
    if (this.#tags.some(tag => isAnswerOf(packet, tag, this.#name))) {
      this.#heard(from)
      return
    }
    const [found] = this.#tags.flatMap(tag => neighbourOf(packet, tag) ?? [])
    if (found) this.#dependencies.onFound(found.peer, found.addresses)
  }

  /** Where `from` is this machine, multicast works there. */
  #heard(from: string): void {
    const place = this.#places.get(from)
    if (!place) return
    place.unheard = 0
    place.isHeard = true
    place.trouble = undefined
  }

  /** Somebody asked for all of us: whoever is there answers so that this node hears it, as if it had asked. */
  #postpone(): void {
    const { nowMs, random } = this.#dependencies
    // Not for ever: nobody may keep this node from asking by asking itself.
    if (nowMs() - this.#askedMs > MAX_POSTPONED * this.#options.intervalMs) return
    this.#asked += 1
    this.#askAtMs = nowMs() + queryWaitMs(this.#asked, this.#options.intervalMs, random())
  }

  #answerSoon(): void {
    if (this.#answer) return
    const { nowMs, random } = this.#dependencies
    const [least, most] = ANSWER_DELAY_MS
    const waitMs = Math.max(least + (most - least) * random(), this.#answeredMs + MIN_ANSWER_GAP_MS - nowMs())
    this.#answer = setTimeout(() => {
      this.#answer = undefined
      void this.#tell()
    }, waitMs).unref()
  }

  async #tell(): Promise<void> {
    const { network, nowMs, onSent } = this.#dependencies
    this.#answeredMs = nowMs()
    const answered = [...this.#asking]
    this.#asking.clear()
    for (const place of this.#places.values()) {
      const addresses = tellable(network.addresses(), place.on.isLoopback)
      if (addresses.length === 0) continue
      for (const tag of answered) {
        try {
          await this.#socket?.respond(answerOf(tag, this.#name, addresses), place.on)
          onSent('answer')
        } catch (error) {
          place.trouble = messageOf(error)
        }
      }
    }
  }
}

/** Undefined while it works, or is too new to judge. */
function troubleOf({ isHeard, unheard, trouble }: Place): string | undefined {
  if (isHeard || (unheard < MAX_UNHEARD && trouble === undefined)) return undefined
  return trouble ?? 'its queries do not come back: no multicast route, or a firewall'
}
