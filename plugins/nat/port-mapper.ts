import { setTimeout as wait } from 'node:timers/promises'
import { isLoopback, isPrivate, isPrivateIp } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { type Logger, messageOf } from '../../core/api.ts'
import { ipv4Of, isRelayed, tcpPortOf } from './candidates.ts'
import type { UpnpConfig } from './config.ts'
import type { NatMetrics } from './metrics.ts'
import type { AddressManager } from './parts.ts'
import { Router } from './upnp/router.ts'
import { searchRouters } from './upnp/router-search.ts'

/** A router answers a search at once. */
const SEARCH_TIMEOUT_MS = 10_000
const MIN_RETRY_MS = 60_000
/**
 * How often a router is asked for its address, and for what it forwards anew: well within the lease. Providers change addresses
 * once a day, mostly at night.
 */
const RENEWAL_PERIOD_MS = 600_000
/** For a router to forget a port, as the node stops. */
const FORGET_TIMEOUT_MS = 1_000
/** What a router forwards counts as checked, where nobody checks it, until it was renewed twice. */
const CONFIRMATION_MS = 2 * RENEWAL_PERIOD_MS

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

/** A port of the router, and where it leads: `internalHost:internalPort`. */
interface Mapping {
  readonly externalHost: string
  readonly externalPort: number
  readonly internalHost: string
  readonly internalPort: number
}

export interface PortMapperDependencies {
  readonly parts: { readonly addressManager: AddressManager }
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
  /** By where they lead. */
  readonly #mappings = new Map<string, Mapping>()
  /** The one that forwards. */
  #active: Router | undefined
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
      const wasMapped = await this.#hold(over)
      await wait(retryMs, undefined, { signal: over, ref: false }).catch(() => undefined)
      const isFresh = wasMapped || this.#again.signal.aborted
      retryMs = isFresh ? MIN_RETRY_MS : Math.min(retryMs * 2, this.#config.maxRetryMs)
    }
  }

  /** Takes away what was mapped. A router that doesn't answer forgets it when the lease ends. */
  async stop(): Promise<void> {
    const mappings = [...this.#mappings.values()]
    const router = this.#active
    this.#mappings.clear()
    this.#active = undefined
    this.#state = 'off'
    for (const mapping of mappings) this.#untell(mapping)
    if (mappings.length > 0) this.#deps.changed()
    const limit = AbortSignal.timeout(FORGET_TIMEOUT_MS)
    await Promise.allSettled(mappings.map(({ externalPort }) => router?.forget(externalPort, limit)))
  }

  /** Searches, maps, and keeps the mapping until `signal` aborts or the router fails. True where there was one. */
  async #hold(signal: AbortSignal): Promise<boolean> {
    const hosts = new Set(this.#listening().map(({ host }) => host))
    if (hosts.size === 0) {
      this.#state = 'none'
      this.#reason = 'this node listens on no IPv4 address of a local network'
      return false
    }
    this.#state = 'searching'
    this.#router = undefined
    this.#externalAddress = undefined
    this.#reason = undefined
    try {
      const found = await this.#search([...hosts], signal)
      if (!found) {
        this.#reason ??= 'no router answers to UPnP (IGD 2)'
        return false
      }
      do await wait(RENEWAL_PERIOD_MS, undefined, { signal, ref: false })
      while (await this.#forward(found.router, found.localHost, signal))
      return true
    } catch (error) {
      if (!signal.aborted) throw error
      return false
    } finally {
      await this.stop()
      this.#state = signal.aborted ? 'off' : 'none'
    }
  }

  /** The first router that forwards a port; nothing where none does, and then the reason is known unless none answered. */
  async #search(
    hosts: readonly string[],
    signal: AbortSignal,
  ): Promise<{ readonly router: Router; readonly localHost: string } | undefined> {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(SEARCH_TIMEOUT_MS)])
    try {
      for await (const { location, localHost } of searchRouters(hosts, limited)) {
        const { hostname } = location
        const router = await this.#asked(
          hostname,
          'describe itself',
          () => Router.at(location, signal),
          signal,
        )
        if (router && (await this.#forward(router, localHost, signal))) return { router, localHost }
      }
    } catch (error) {
      if (!limited.aborted) throw error
      signal.throwIfAborted()
    }
    return undefined
  }

  /** Has `router` forward what is listened on at `localHost`. False where nothing came of it; why is the reason then. */
  async #forward(router: Router, localHost: string, signal: AbortSignal): Promise<boolean> {
    const { host } = router
    const address = await this.#asked(host, 'tell its address', () => router.externalAddress(signal), signal)
    if (address === undefined) return false
    this.#externalAddress = address || undefined
    if (isPrivateIp(address) !== false) {
      const told = address
        ? `the router's own address, ${address}, is no public one`
        : 'the router has no public address'
      this.#reason = `${told}: another router or the provider translates addresses, too (double NAT), so that a forwarded port leads nowhere`
      return false
    }
    this.#active = router
    let isMapped = false
    for (const { port } of this.#listening().filter(({ host }) => host === localHost)) {
      const ask = (): Promise<number> => router.forward(port, localHost, signal)
      const externalPort = await this.#asked(host, `forward port ${port}`, ask, signal)
      if (externalPort === undefined) continue
      isMapped = true
      this.#tell({ externalHost: address, externalPort, internalHost: localHost, internalPort: port })
    }
    return isMapped
  }

  /** What a router answers; nothing where it fails or refuses, which is then known. */
  async #asked<T>(
    host: string,
    what: string,
    ask: () => Promise<T>,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const { metrics, log } = this.#deps
    this.#router = host
    try {
      const answer = await ask()
      metrics.routerRequests.inc({ result: 'ok' })
      return answer
    } catch (error) {
      signal.throwIfAborted()
      const why = messageOf(error)
      metrics.routerRequests.inc({ result: 'failed' })
      this.#reason = `the router ${host} did not ${what}: ${why}`
      log.debug({ router: host, why }, `the router did not ${what}`)
      return undefined
    }
  }

  /** Has libp2p, and with it others, know of a mapping, in the place of what was forwarded before. */
  #tell(mapping: Mapping): void {
    const { parts, log, changed } = this.#deps
    const { externalHost, externalPort, internalHost, internalPort } = mapping
    const key = `${internalHost}:${internalPort}`
    const before = this.#mappings.get(key)
    const isNew = before?.externalHost !== externalHost || before.externalPort !== externalPort
    if (isNew) {
      if (before) this.#untell(before)
      this.#mappings.set(key, mapping)
      this.#state = 'mapped'
      parts.addressManager.addPublicAddressMapping(internalHost, internalPort, externalHost, externalPort)
      const external = `${externalHost}:${externalPort}`
      log.info({ router: this.#router, external, port: internalPort }, 'the router forwards a port')
    }
    if (this.#isUnchecked) {
      const address = multiaddr(`/ip4/${externalHost}/tcp/${externalPort}`)
      parts.addressManager.confirmObservedAddr(address, { ttl: CONFIRMATION_MS })
    }
    if (isNew) changed()
  }

  #untell({ externalHost, externalPort, internalHost, internalPort }: Mapping): void {
    const { addressManager } = this.#deps.parts
    addressManager.removePublicAddressMapping(internalHost, internalPort, externalHost, externalPort)
  }

  /** A port is forwarded to an address of the router's own network: not to loopback, nor to where others reach it anyway. */
  #listening(): { readonly host: string; readonly port: number }[] {
    const found: { host: string; port: number }[] = []
    for (const { multiaddr, type } of this.#deps.parts.addressManager.getAddressesWithMetadata()) {
      const [host, port] = [ipv4Of(multiaddr), tcpPortOf(multiaddr)]
      if (type !== 'transport' || isRelayed(multiaddr) || host === undefined || port === undefined) continue
      if (isPrivate(multiaddr) && !isLoopback(multiaddr)) found.push({ host, port: Number(port) })
    }
    return found
  }
}
