import { networkInterfaces } from 'node:os'
import { setInterval } from 'node:timers/promises'
import type { PeerDiscovery, PeerId } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import type { Multiaddr } from '@multiformats/multiaddr'
import { HEALTHY, type Health, messageOf, type NetworkPort } from '../../core/api.ts'
import type { MdnsConfig } from './config.ts'

export interface NeighboursDependencies {
  readonly network: NetworkPort
  readonly onFound: (peer: PeerId, addresses: readonly Multiaddr[]) => void
  /** Monotonic. */
  readonly nowMs: () => number
}

/** The part of `@libp2p/mdns` behind its public type: the socket, which alone knows of its troubles. */
interface MdnsService extends PeerDiscovery {
  readonly mdns?: {
    on(
      event: 'query',
      listener: (packet: { questions?: readonly { name: string }[] }, from: { address: string }) => void,
    ): void
    on(event: 'error' | 'warning', listener: (error: Error) => void): void
    query(question: { name: string; type: 'PTR' }[], onSent: (error?: Error | null) => void): void
  }
}

/** Queries that may stay unheard in a row: one lost packet is no trouble. */
const MAX_UNHEARD = 3

const ATTACHMENT = 'mdns'

/**
 * Finds neighbours by multicast DNS. Whether it works is told by its own queries: multicast brings them back to the
 * sender, and where they stay away nobody else hears them either.
 */
export class Neighbours {
  readonly #options: MdnsConfig
  readonly #dependencies: NeighboursDependencies
  #heardMs = Number.NEGATIVE_INFINITY
  #attachedMs: number | undefined
  #trouble: string | undefined

  constructor(options: MdnsConfig, dependencies: NeighboursDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  get isWorking(): boolean {
    return this.#isHeard()
  }

  /** Background loop: looks for neighbours until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { network, onFound, nowMs } = this.#dependencies
    const { serviceTag, intervalMs } = this.#options
    try {
      const service = await network.attach(
        ATTACHMENT,
        mdns({ serviceTag, interval: intervalMs }) as (components: never) => MdnsService,
        { onPeer: onFound },
      )
      this.#attachedMs = nowMs()
      this.#listen(service)
      for await (const _ of setInterval(intervalMs, undefined, { signal, ref: false })) this.#check(service)
    } catch (error) {
      if (!signal.aborted) this.#trouble = messageOf(error)
      throw error
    } finally {
      this.#attachedMs = undefined
      await network.detach(ATTACHMENT)
    }
  }

  health(): Health {
    if (this.#isHeard() || (!this.#trouble && this.#isNew())) return HEALTHY
    const why = this.#trouble ?? 'its queries do not come back: no multicast route, or a firewall'
    return { status: 'degraded', reason: `mDNS finds no neighbours: ${why}` }
  }

  #listen(service: MdnsService): void {
    const { serviceTag } = this.#options
    service.mdns?.on('query', ({ questions = [] }, { address }) => {
      if (!isOwn(address) || !questions.some(({ name }) => name === serviceTag)) return
      this.#heardMs = this.#dependencies.nowMs()
      this.#trouble = undefined
    })
    service.mdns?.on('error', error => {
      this.#trouble = messageOf(error)
    })
    service.mdns?.on('warning', error => {
      if (!this.#isHeard()) this.#trouble = messageOf(error)
    })
  }

  /** Where nothing is heard, asks once more in a way that tells why: the service itself ignores what sending says. */
  #check(service: MdnsService): void {
    if (this.#isHeard()) return
    service.mdns?.query([{ name: this.#options.serviceTag, type: 'PTR' }], error => {
      if (error) this.#trouble = messageOf(error)
    })
  }

  #isHeard(): boolean {
    return this.#attachedMs !== undefined && this.#dependencies.nowMs() - this.#heardMs < this.#graceMs()
  }

  /** Not there yet, or not for long enough to judge. */
  #isNew(): boolean {
    return this.#attachedMs === undefined || this.#dependencies.nowMs() - this.#attachedMs < this.#graceMs()
  }

  #graceMs(): number {
    return MAX_UNHEARD * this.#options.intervalMs
  }
}

function isOwn(address: string): boolean {
  return Object.values(networkInterfaces()).some(list => list?.some(own => own.address === address))
}
