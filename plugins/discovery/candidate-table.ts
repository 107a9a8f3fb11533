import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { DiscoverySource } from '../../core/api.ts'
import { type BackoffLimits, redialDelayMs } from './backoff.ts'
import type { Dialable } from './dial-plan.ts'

export interface CandidateOptions extends BackoffLimits {
  readonly maxCandidates: number
  /** A peer just found is dialed after a random part of it. */
  readonly jitterMs: number
}

export interface CandidateDependencies {
  /** Monotonic. */
  readonly nowMs: () => number
  /** From 0 to below 1. */
  readonly random: () => number
}

/** A peer that may be dialed. */
export interface Candidate extends Dialable {
  readonly peer: PeerId
  /** How it was found first. */
  readonly source: DiscoverySource
  /** Met in a way that only those of our own are met, first or later. */
  readonly isMember: boolean
  /** Without `/p2p`, the last found first. */
  readonly addresses: readonly Multiaddr[]
}

interface Row extends Candidate {
  state: Candidate['state']
  isMember: boolean
  addresses: readonly Multiaddr[]
  hasAddresses: boolean
  dialAtMs: number
  failures: number
  connectedMs: number
}

/** Addresses kept of one peer: a board has a handful, and a peer that tells hundreds is up to no good. */
const MAX_ADDRESSES = 16

/** Ways in which only those of our own are met: on the same network, or named by the owner. */
const MEMBER_SOURCES: readonly DiscoverySource[] = ['mdns', 'bootstrap', 'manual']

/** A connection that lasts as long was a success; one that ends sooner counts as a failed dial. */
const STABLE_MS = 60_000

/**
 * The peers this node knows of, and when each may be dialed. Bounded: a new one takes the place of the one that failed
 * most; bootstrap peers and those connected or being dialed stay. Where none has failed, the new one is left out, unless it
 * is connected already: the connection limit bounds those.
 */
export class CandidateTable {
  readonly #options: CandidateOptions
  readonly #dependencies: CandidateDependencies
  readonly #rows = new Map<string, Row>()

  constructor(options: CandidateOptions, dependencies: CandidateDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  get size(): number {
    return this.#rows.size
  }

  get(peer: string): Candidate | undefined {
    return this.#rows.get(peer)
  }

  list(): Iterable<Candidate> {
    return this.#rows.values()
  }

  /** Adds a peer, or what is new of one that is known. True where the peer is new. */
  found(peer: PeerId, addresses: readonly Multiaddr[], source: DiscoverySource): boolean {
    const row = this.#rows.get(peer.toString())
    if (row) {
      row.isMember ||= MEMBER_SOURCES.includes(source)
      this.#merge(row, addresses)
      return false
    }
    if (!this.#makeRoom()) return false
    this.#add(peer, addresses, source)
    return true
  }

  dialing(peer: PeerId): void {
    const row = this.#rows.get(peer.toString())
    if (row) row.state = 'dialing'
  }

  failed(peer: PeerId): void {
    const row = this.#rows.get(peer.toString())
    if (row?.state === 'dialing') this.#backOff(row, row.failures + 1)
  }

  /** True where the peer is new: it came by itself, or the user asked for it. */
  connected(peer: PeerId, source: DiscoverySource): boolean {
    const known = this.#rows.get(peer.toString())
    if (!known) this.#makeRoom()
    const row = known ?? this.#add(peer, [], source)
    row.state = 'connected'
    row.connectedMs = this.#dependencies.nowMs()
    return !known
  }

  disconnected(peer: PeerId): void {
    const row = this.#rows.get(peer.toString())
    if (row?.state !== 'connected') return
    const wasStable = this.#dependencies.nowMs() - row.connectedMs >= STABLE_MS
    this.#backOff(row, wasStable ? 1 : row.failures + 1)
  }

  #add(peer: PeerId, addresses: readonly Multiaddr[], source: DiscoverySource): Row {
    const row: Row = {
      peer,
      source,
      isMember: MEMBER_SOURCES.includes(source),
      addresses: addresses.slice(0, MAX_ADDRESSES),
      hasAddresses: addresses.length > 0,
      state: 'idle',
      failures: 0,
      dialAtMs: this.#soonMs(),
      connectedMs: 0,
    }
    this.#rows.set(peer.toString(), row)
    return row
  }

  /** A new address is a new chance: the peer may have moved. */
  #merge(row: Row, addresses: readonly Multiaddr[]): void {
    const fresh = addresses.filter(address => !row.addresses.some(known => known.equals(address)))
    if (fresh.length === 0) return
    row.addresses = [...fresh, ...row.addresses].slice(0, MAX_ADDRESSES)
    row.hasAddresses = true
    if (row.state === 'idle') row.dialAtMs = Math.min(row.dialAtMs, this.#soonMs())
  }

  #backOff(row: Row, failures: number): void {
    const { nowMs, random } = this.#dependencies
    row.state = 'idle'
    row.failures = failures
    row.dialAtMs = nowMs() + redialDelayMs(failures, this.#options, random())
  }

  #soonMs(): number {
    const { nowMs, random } = this.#dependencies
    return nowMs() + this.#options.jitterMs * random()
  }

  #makeRoom(): boolean {
    if (this.#rows.size < this.#options.maxCandidates) return true
    let worst: Row | undefined
    for (const row of this.#rows.values()) {
      if (row.state !== 'idle' || row.source === 'bootstrap') continue
      if (row.failures > (worst?.failures ?? 0)) worst = row
    }
    return worst !== undefined && this.#rows.delete(worst.peer.toString())
  }
}
