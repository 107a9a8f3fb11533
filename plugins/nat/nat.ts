import { setTimeout as wait } from 'node:timers/promises'
import type { IdentifyResult, PeerId } from '@libp2p/interface'
import { type Events, HEALTHY, type Health, type Logger, type NetworkPort } from '../../core/api.ts'
import { AddressCheck, type CheckResult, isAsked } from './address-check.ts'
import { type Candidate, candidatesOf, ipv4Of, isPublic } from './candidates.ts'
import type { NatConfig } from './config.ts'
import { HolePuncher } from './hole-puncher.ts'
import type { NatMetrics } from './metrics.ts'
import { ObservedHost } from './observed-host.ts'
import { liveParts, type Parts } from './parts.ts'
import { PortMapper, type PortMapperStatus } from './port-mapper.ts'
import {
  type AddressEvidence,
  hostCheckWaitMs,
  judge,
  type Reachability,
  type Verdict,
} from './reachability.ts'
import { RelayClient } from './relay-client.ts'
import { RelayServer } from './relay-server.ts'

/** Changes come together: peers connect, interfaces get addresses. One check is for all of them. */
const SETTLE_MS = 2_000
/** What was reachable a moment ago gets a second chance this soon, before it is no longer told to others. */
const SECOND_CHANCE_MS = 60_000
/** A verdict that rests on fewer peers is asked of more as they come, but not more often than this. */
const ENOUGH_WITNESSES = 3
const MIN_CHECK_PERIOD_MS = 600_000

export interface NatDependencies {
  readonly network: NetworkPort
  readonly events: Events
  readonly metrics: NatMetrics
  readonly log: Logger
  isMember(peer: PeerId): boolean
  /** Monotonic milliseconds. */
  nowMs(): number
  /** Milliseconds since 1970. */
  wallMs(): number
  random(): number
}

/** `details.nat` of the status. Plain JSON. */
export interface NatStatus {
  readonly reachability: Reachability
  readonly reason: string
  readonly addresses: readonly AddressEvidence[]
  /** From where others see this node come; null where none of another network has said. */
  readonly observedHost: string | null
  readonly upnp: PortMapperStatus | null
  /** Peer ids of the relays through which this node can be reached. */
  readonly relays: readonly string[]
  readonly relayServer: { readonly running: boolean; readonly reservations: number }
  readonly holePunching: { readonly lastFailure: string | null } | null
}

/** Finds out whether others can connect to this node, and does what it can so that they may. */
export class Nat {
  readonly #config: NatConfig
  readonly #deps: NatDependencies
  readonly #observed = new ObservedHost()
  readonly #closed: (() => void)[] = []
  #parts: Parts | undefined
  #check: AddressCheck | undefined
  #mapper: PortMapper | undefined
  #relayClient: RelayClient | undefined
  #relayServer: RelayServer | undefined
  #puncher: HolePuncher | undefined
  #evidence: readonly AddressEvidence[] = []
  #verdict: Verdict = judge([])
  /** Addresses that were reachable, and were not in the last check. */
  readonly #doubtful = new Set<string>()
  #checkedAtMs = 0
  /** Resolves where there is a reason for another check. */
  #reason = Promise.withResolvers<void>()
  /** There is a reason, but not at once. */
  #later: NodeJS.Timeout | undefined

  constructor(config: NatConfig, deps: NatDependencies) {
    this.#config = config
    this.#deps = deps
    deps.metrics.observe(() => ({
      reachability: this.#verdict.reachability,
      mappings: this.#mapper?.status.mappings.length ?? 0,
      relays: this.#relayClient?.relays.length ?? 0,
      reservations: this.#relayServer?.reservations ?? 0,
    }))
  }

  get status(): NatStatus {
    return {
      ...this.#verdict,
      addresses: this.#evidence,
      observedHost: this.#observed.value ?? null,
      upnp: this.#mapper?.status ?? null,
      relays: (this.#relayClient?.relays ?? []).map(String),
      relayServer: {
        running: this.#relayServer?.isRunning ?? false,
        reservations: this.#relayServer?.reservations ?? 0,
      },
      holePunching: this.#puncher ? { lastFailure: this.#puncher.lastFailure ?? null } : null,
    }
  }

  async start(): Promise<void> {
    const { network, events } = this.#deps
    const { upnp, autonat, relay, holePunching } = this.#config
    const parts = await liveParts(network)
    this.#parts = parts
    const shared = { ...this.#deps, parts }
    const onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => this.#identified(detail)
    parts.events.addEventListener('peer:identify', onIdentify)
    this.#closed.push(
      () => parts.events.removeEventListener('peer:identify', onIdentify),
      events.on('network:changed', () => this.#networksChanged()),
      events.on('network:addresses', () => this.#relayClient?.value()),
    )
    if (autonat.enabled) {
      this.#check = new AddressCheck(autonat, shared)
      await this.#check.start()
    }
    if (relay.client) {
      this.#relayClient = new RelayClient(relay, shared)
      await this.#relayClient.start()
    }
    if (relay.server !== 'off') this.#relayServer = new RelayServer(relay, shared)
    if (holePunching) {
      this.#puncher = new HolePuncher({ ...shared, observedHost: () => this.#observed.value })
      await this.#puncher.start()
    }
    if (upnp.enabled) {
      const isUnchecked = !autonat.enabled
      this.#mapper = new PortMapper({ ...upnp, isUnchecked }, { ...shared, changed: () => this.#wake() })
    }
  }

  /** Idempotent; also after half a start. */
  async stop(): Promise<void> {
    for (const close of this.#closed.splice(0)) close()
    clearTimeout(this.#later)
    await this.#mapper?.stop()
    await this.#puncher?.stop()
    await this.#relayServer?.stop()
    await this.#relayClient?.stop()
    await this.#check?.stop()
  }

  /** A home without UPnP, or a board that nobody can reach, is as it should be; the status tells of it. */
  health(): Health {
    return HEALTHY
  }

  async mapPorts(signal: AbortSignal): Promise<void> {
    await this.#mapper?.run(signal)
  }

  /** Checks whenever there is a reason to, and acts on what comes out. */
  async watch(signal: AbortSignal): Promise<void> {
    const check = this.#check
    while (check && !signal.aborted) {
      await wait(SETTLE_MS, undefined, { signal, ref: false }).catch(() => undefined)
      // What changes from here on is for the next round.
      this.#reason = Promise.withResolvers()
      clearTimeout(this.#later)
      const isDoubtful = await this.#round(check, signal)
      if (signal.aborted) return
      await this.#rest(isDoubtful ? SECOND_CHANCE_MS : this.#config.autonat.checkPeriodMs, signal)
    }
  }

  #wake(): void {
    this.#reason.resolve()
  }

  async #rest(periodMs: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController()
    const limits = { signal: AbortSignal.any([signal, over.signal]), ref: false }
    const time = wait(periodMs, undefined, limits).catch(() => undefined)
    await Promise.race([time, this.#reason.promise])
    over.abort()
  }

  /** Asks, and draws the conclusions. True where what could be reached before deserves a second chance soon. */
  async #round(check: AddressCheck, signal: AbortSignal): Promise<boolean> {
    const { addressManager } = this.#live
    const candidates = candidatesOf(addressManager.getAddressesWithMetadata(), this.#observed.value)
    const result = await check.check(candidates, signal)
    if (signal.aborted) return false
    this.#checkedAtMs = this.#deps.nowMs()
    const before = new Map(this.#evidence.map(one => [one.address, one]))
    this.#evidence = candidates.map(candidate =>
      this.#weigh(candidate, result, before.get(candidate.address.toString())),
    )
    const known = new Set(this.#evidence.map(({ address }) => address))
    for (const address of this.#doubtful) if (!known.has(address)) this.#doubtful.delete(address)
    await this.#conclude(judge(this.#evidence))
    return this.#doubtful.size > 0
  }

  #weigh(
    { address, via }: Candidate,
    { reached, askedPeers }: CheckResult,
    before: AddressEvidence | undefined,
  ): AddressEvidence {
    const text = address.toString()
    // Nobody was there to ask: what was found before still holds.
    if (askedPeers === 0) {
      return before ?? { address: text, via, reachable: null, askedPeers, checkedMs: null }
    }
    const evidence = { address: text, via, askedPeers, checkedMs: this.#deps.wallMs() }
    const isReached = reached.has(text)
    const isNewDoubt = !isReached && before?.reachable === true && !this.#doubtful.has(text)
    if (isNewDoubt) {
      this.#doubtful.add(text)
      return { ...evidence, reachable: true }
    }
    this.#doubtful.delete(text)
    if (!isReached && before?.reachable) {
      this.#live.addressManager.removeObservedAddr(address)
      if (via === 'mapping') this.#mapper?.renew()
    }
    return { ...evidence, reachable: isReached }
  }

  async #conclude(verdict: Verdict): Promise<void> {
    const { events, log } = this.#deps
    const { reachability, reason } = verdict
    const isNews = reachability !== this.#verdict.reachability
    this.#verdict = verdict
    if (isNews) {
      log.info({ reachability, reason }, 'reachability changed')
      events.emit('network:reachability', { reachability, reason })
    }
    if (reachability === 'public') {
      await this.#relayClient?.unlisten()
      await this.#relayServer?.start()
    } else if (reachability === 'private') {
      await this.#relayServer?.stop()
      await this.#relayClient?.listen()
    }
    this.#relayClient?.value()
  }

  #identified({ peerId, observedAddr, connection, protocols }: IdentifyResult): void {
    const isOutside = !connection.limits && isPublic(connection.remoteAddr)
    if (!isOutside) return
    const host = observedAddr && isPublic(observedAddr) ? ipv4Of(observedAddr) : undefined
    const before = this.#observed.value
    if (host !== undefined) this.#observed.heard(peerId.toString(), host)
    if (this.#observed.value !== before) this.#hostChanged()
    if (protocols.some(isAsked) && this.#wantsWitnesses) this.#wake()
  }

  #hostChanged(): void {
    const sinceCheckMs = this.#deps.nowMs() - this.#checkedAtMs
    const waitMs = hostCheckWaitMs(this.#verdict.reachability, sinceCheckMs)
    clearTimeout(this.#later)
    this.#later = setTimeout(() => this.#wake(), waitMs).unref()
  }

  /** Whether one more peer to ask may change the verdict. */
  get #wantsWitnesses(): boolean {
    const { reachability } = this.#verdict
    if (reachability !== 'private') return reachability === 'unknown'
    const asked = Math.max(0, ...this.#evidence.map(({ askedPeers }) => askedPeers))
    return asked < ENOUGH_WITNESSES && this.#deps.nowMs() - this.#checkedAtMs > MIN_CHECK_PERIOD_MS
  }

  #networksChanged(): void {
    this.#observed.forget()
    this.#evidence = []
    this.#doubtful.clear()
    this.#mapper?.renew()
    this.#wake()
  }

  get #live(): Parts {
    if (!this.#parts) throw new TypeError('not started')
    return this.#parts
  }
}
