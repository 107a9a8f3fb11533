import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import type { PortMapping } from '@achingbrain/nat-port-mapper'
import { isLoopback, isPrivate, isPrivateIp } from '@libp2p/utils'
import { type Logger, type NetworkPort, untilAborted } from '../../core/api.ts'
import { ipv4Of } from './candidates.ts'
import type { UpnpConfig } from './config.ts'
import type { NatMetrics } from './metrics.ts'
import type { Parts } from './parts.ts'
import { type GatewayWatcher, WatchedGateways } from './watched-gateways.ts'

const NAME = 'upnp-nat'

/** A router answers a search at once; libp2p then waits five seconds before it asks for ports. */
const MAP_TIMEOUT_MS = 20_000
const SEARCH_TIMEOUT_MS = 10_000
/** The library asks once a second, and each node of a fleet hears all of the others ask: it was most of what an idle fleet sends. */
const SEARCH_MESSAGE_INTERVAL_MS = 4_000
const MIN_RETRY_MS = 60_000
/** The least that routers are asked for. One that forgets a node that lost power does so within the hour. */
const LEASE_MS = 3_600_000
/** Providers change addresses once a day, mostly at night. */
const EXTERNAL_ADDRESS_PERIOD_MS = 600_000
/** Told to the router, whose page shows it. */
const DESCRIPTION = 'skep'

/** What is known of routers; the status shows it. Plain JSON. */
export interface PortMapperStatus {
  readonly state: 'off' | 'searching' | 'mapped' | 'none'
  readonly router: string | null
  readonly externalAddress: string | null
  /** External address and port, and where they lead. */
  readonly mappings: readonly { readonly external: string; readonly internal: string }[]
  /** Why there is no mapping. */
  readonly reason: string | null
}

export interface PortMapperDependencies {
  readonly parts: Parts
  readonly network: NetworkPort
  readonly metrics: NatMetrics
  readonly log: Logger
  /** Mappings came or went. */
  changed(): void
}

/**
 * Ports that a router forwards to this node while it runs. No router, or one that refuses, is no fault: it is asked again,
 * each time after a longer wait, and at once where the networks of the machine change.
 */
export class PortMapper {
  readonly #config: UpnpConfig
  readonly #deps: PortMapperDependencies
  /** Whether what a router forwards is told to others at once, as nobody checks it. */
  readonly #isUnchecked: boolean
  readonly #mappings = new Map<string, PortMapping>()
  #state: PortMapperStatus['state'] = 'off'
  #router: string | undefined
  #externalAddress: string | undefined
  #reason: string | undefined
  #again = new AbortController()

  constructor(config: UpnpConfig & { readonly isUnchecked: boolean }, deps: PortMapperDependencies) {
    this.#config = config
    this.#isUnchecked = config.isUnchecked
    this.#deps = deps
  }

  get status(): PortMapperStatus {
    return {
      state: this.#state,
      router: this.#router ?? null,
      externalAddress: this.#externalAddress ?? null,
      mappings: [...this.#mappings.values()].map(mapping => ({
        external: `${mapping.externalHost}:${mapping.externalPort}`,
        internal: `${mapping.internalHost}:${mapping.internalPort}`,
      })),
      reason: this.#reason ?? null,
    }
  }

  /** The networks changed: what was mapped may lead nowhere, and there may be another router. */
  renew(): void {
    this.#again.abort()
  }

  async run(signal: AbortSignal): Promise<void> {
    let retryMs = MIN_RETRY_MS
    while (!signal.aborted) {
      this.#again = new AbortController()
      const over = AbortSignal.any([signal, this.#again.signal])
      await this.#hold(over)
      await wait(retryMs, undefined, { signal: over, ref: false }).catch(() => undefined)
      const isFresh = this.#again.signal.aborted
      retryMs = isFresh ? MIN_RETRY_MS : Math.min(retryMs * 2, this.#config.maxRetryMs)
    }
  }

  /** Takes away what was mapped. */
  async stop(): Promise<void> {
    const { network, parts } = this.#deps
    await network.detach(NAME)
    for (const mapping of this.#mappings.values()) {
      const { internalHost, internalPort, externalHost, externalPort } = mapping
      parts.addressManager.removePublicAddressMapping(
        internalHost,
        internalPort,
        externalHost,
        externalPort,
        'tcp',
      )
    }
    const hadSome = this.#mappings.size > 0
    this.#mappings.clear()
    this.#state = 'off'
    if (hadSome) this.#deps.changed()
  }

  /** Searches, maps, and keeps the mapping until `signal` aborts; says why where there is none. */
  async #hold(signal: AbortSignal): Promise<void> {
    if (!this.#hasLocalAddress()) {
      this.#state = 'none'
      this.#reason = 'this node listens on no IPv4 address of a local network'
      return
    }
    const [{ uPnPNAT }, { upnpNat }] = await Promise.all([
      import('@libp2p/upnp-nat'),
      import('@achingbrain/nat-port-mapper'),
    ])
    const mapped = Promise.withResolvers<true>()
    const client = upnpNat({ description: DESCRIPTION, ttl: LEASE_MS, autoRefresh: true })
    const gateways = new WatchedGateways(client, this.#watcher(mapped.resolve))
    this.#state = 'searching'
    this.#router = undefined
    this.#externalAddress = undefined
    this.#reason = undefined
    try {
      await this.#deps.network.attach(
        NAME,
        () =>
          uPnPNAT({
            portMappingClient: gateways,
            portMappingTTL: LEASE_MS,
            portMappingDescription: DESCRIPTION,
            externalAddressCheckInterval: EXTERNAL_ADDRESS_PERIOD_MS,
            initialGatewaySearchTimeout: SEARCH_TIMEOUT_MS,
            initialGatewaySearchMessageInterval: SEARCH_MESSAGE_INTERVAL_MS,
            autoConfirmAddress: this.#isUnchecked,
          })(this.#deps.parts) as object,
      )
      const timeLimit = wait(MAP_TIMEOUT_MS, false, { signal, ref: false })
      timeLimit.catch(() => undefined)
      const isMapped = await untilAborted(Promise.race([mapped.promise, timeLimit]), signal)
      if (!isMapped) {
        this.#reason ??=
          gateways.found > 0 ? 'the router forwards no port' : 'no router answers to UPnP (IGD 2)'
        return
      }
      this.#state = 'mapped'
      this.#deps.changed()
      if (!signal.aborted) await once(signal, 'abort')
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      await this.stop()
      this.#state = signal.aborted ? 'off' : 'none'
    }
  }

  /** A port is forwarded to an address of the router's own network: not to loopback, nor to where others reach it anyway. */
  #hasLocalAddress(): boolean {
    return this.#deps.parts.addressManager
      .getAddressesWithMetadata()
      .some(
        ({ multiaddr, type }) =>
          type === 'transport' && ipv4Of(multiaddr) && isPrivate(multiaddr) && !isLoopback(multiaddr),
      )
  }

  #watcher(onMapped: (isMapped: true) => void): GatewayWatcher {
    const { metrics, log } = this.#deps
    return {
      external: (router, address) => {
        metrics.routerRequests.inc({ result: 'ok' })
        this.#router = router
        // A router that has a private one may tell none at all.
        this.#externalAddress = address || undefined
        const isStale = [...this.#mappings.values()].some(({ externalHost }) => externalHost !== address)
        if (isStale) this.renew()
        if (isPrivateIp(address) === false) return
        const told = address
          ? `the router's own address, ${address}, is no public one`
          : 'the router has no public address'
        this.#reason = `${told}: another router or the provider translates addresses, too (double NAT), so that a forwarded port leads nowhere`
      },
      mapped: (router, mapping) => {
        metrics.routerRequests.inc({ result: 'ok' })
        const external = `${mapping.externalHost}:${mapping.externalPort}`
        this.#mappings.set(external, mapping)
        log.info({ router, external, port: mapping.internalPort }, 'the router forwards a port')
        onMapped(true)
      },
      failed: (router, what, why) => {
        metrics.routerRequests.inc({ result: 'failed' })
        this.#router = router
        this.#reason = `the router ${router} did not ${what}: ${why}`
        log.debug({ router, why }, `the router did not ${what}`)
      },
    }
  }
}
