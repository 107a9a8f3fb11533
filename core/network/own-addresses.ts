import type { Multiaddr } from '@multiformats/multiaddr'
import type { Events } from '../events.ts'
import type { Logger } from '../logger.ts'

export interface OwnAddressesDependencies {
  /** Those that others can dial, as they are now. */
  current(): Multiaddr[]
  /** Has libp2p tell them to its peers. */
  publish(addresses: Multiaddr[]): Promise<void>
  readonly events: Events
  readonly log: Logger
}

/**
 * Notices that the node's own addresses have changed. libp2p works them out anew each time it is asked, but of a network
 * that came or went it tells nobody: it only looks when it begins to listen.
 */
export class OwnAddresses {
  readonly #deps: OwnAddressesDependencies
  #known: string | undefined

  constructor(deps: OwnAddressesDependencies) {
    this.#deps = deps
  }

  /** The first time it only takes notice. */
  review(): void {
    const { current, publish, events, log } = this.#deps
    const multiaddrs = current()
    const addresses = multiaddrs.map(String).sort()
    const before = this.#known
    this.#known = addresses.join('\n')
    if (before === undefined || before === this.#known) return
    publish(multiaddrs).catch(error => log.warn({ err: error }, 'own addresses could not be stored'))
    events.emit('network:addresses', { addresses })
  }
}
