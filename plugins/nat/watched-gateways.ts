import type { Gateway, MapPortOptions, PortMapping, UPnPNAT } from '@achingbrain/nat-port-mapper'
import { messageOf } from '../../core/api.ts'

/** Routers that are asked; a network with more has other troubles. The first found are taken. */
const MAX_GATEWAYS = 4

/** What routers said. libp2p's service keeps it to its debug log. */
export interface GatewayWatcher {
  /** Where a router is, and the address it has on its other side. */
  external(router: string, address: string): void
  mapped(router: string, mapping: PortMapping): void
  /** A router was asked and failed, or refused. */
  failed(router: string, what: string, why: string): void
}

/** The router client of @libp2p/upnp-nat, which tells what comes of it, and stops searching once it has found. */
export class WatchedGateways implements UPnPNAT {
  readonly #client: UPnPNAT
  readonly #watcher: GatewayWatcher
  readonly #found = new Set<string>()

  constructor(client: UPnPNAT, watcher: GatewayWatcher) {
    this.#client = client
    this.#watcher = watcher
  }

  /** How many routers were found. */
  get found(): number {
    return this.#found.size
  }

  async *findGateways(
    options?: Parameters<UPnPNAT['findGateways']>[0],
  ): AsyncGenerator<Gateway, void, unknown> {
    if (this.#found.size > 0) return
    for await (const gateway of this.#client.findGateways(options)) {
      if (this.#found.has(gateway.id)) continue
      this.#found.add(gateway.id)
      yield new WatchedGateway(gateway, this.#watcher)
      if (this.#found.size >= MAX_GATEWAYS) return
    }
  }

  async getGateway(...args: Parameters<UPnPNAT['getGateway']>): Promise<Gateway> {
    return new WatchedGateway(await this.#client.getGateway(...args), this.#watcher)
  }
}

class WatchedGateway implements Gateway {
  readonly id: string
  readonly host: string
  readonly port: number
  readonly family: Gateway['family']
  readonly #gateway: Gateway
  readonly #watcher: GatewayWatcher

  constructor(gateway: Gateway, watcher: GatewayWatcher) {
    this.id = gateway.id
    this.host = gateway.host
    this.port = gateway.port
    this.family = gateway.family
    this.#gateway = gateway
    this.#watcher = watcher
  }

  async map(port: number, host: string, options?: MapPortOptions): Promise<PortMapping> {
    const mapping = await this.#watched(`forward port ${port}`, () => this.#gateway.map(port, host, options))
    this.#watcher.mapped(this.host, mapping)
    return mapping
  }

  mapAll(...args: Parameters<Gateway['mapAll']>): ReturnType<Gateway['mapAll']> {
    return this.#gateway.mapAll(...args)
  }

  unmap(...args: Parameters<Gateway['unmap']>): Promise<void> {
    return this.#gateway.unmap(...args)
  }

  async externalIp(options?: Parameters<Gateway['externalIp']>[0]): Promise<string> {
    const address = await this.#watched('tell its address', () => this.#gateway.externalIp(options))
    this.#watcher.external(this.host, address)
    return address
  }

  stop(options?: Parameters<Gateway['stop']>[0]): Promise<void> {
    return this.#gateway.stop(options)
  }

  async #watched<T>(what: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask()
    } catch (error) {
      this.#watcher.failed(this.host, what, messageOf(error))
      throw error
    }
  }
}
