import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
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

/** What the table has to know of a peer beside where it is. */
export interface Standing {
  readonly isMember: boolean
  /** Named in the config: it stays, whatever comes. */
  readonly isConfigured: boolean
}

/** A peer that may be dialed. */
export interface Candidate extends Dialable, Standing {
  readonly peer: PeerId
  /** Without `/p2p`, the last found first. */
  readonly addresses: readonly Multiaddr[]
}

interface Row extends Candidate {
  state: Candidate['state']
  isMember: boolean
  isConfigured: boolean
  addresses: readonly Multiaddr[]
  hasAddresses: boolean
  dialAtMs: number
  failures: number
  connectedMs: number
}

/** Addresses kept of one peer: a board has a handful, and a peer that tells hundreds is up to no good. */
const MAX_ADDRESSES = 16

/** A connection that lasts as long was a success; one that ends sooner counts as a failed dial. */
const STABLE_MS = 60_000

/**
 * When each peer that this node knows of may be dialed, and where. Bounded: a new one takes the place of the one that failed
 * most, strangers before members; who is configured, connected or being dialed stays. Where none has failed, a member takes
 * the place of a stranger, and any other is left out, unless it is connected already: the connection limit bounds those.
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

  get(peer: PeerId): Candidate | undefined {
    return this.#rows.get(peer.toString())
  }

  list(): Iterable<Candidate> {
    return this.#rows.values()
  }

  /** Adds a peer, or what is new of one that is known. A member stays one. True where the peer is new. */
  found(peer: PeerId, addresses: readonly Multiaddr[], standing: Standing): boolean {
    const row = this.#rows.get(peer.toString())
    if (row) {
      row.isMember ||= standing.isMember
      row.isConfigured ||= standing.isConfigured
      this.#merge(row, addresses)
      return false
    }
    if (!this.#makeRoom(standing)) return false
    this.#add(peer, addresses, standing)
    return true
  }

  /** Says anew who is a member: even of those who were. */
  review(isMember: (peer: PeerId) => boolean): void {
    for (const row of this.#rows.values()) row.isMember = isMember(row.peer)
  }

  dialing(peer: PeerId): void {
    const row = this.#rows.get(peer.toString())
    if (row) row.state = 'dialing'
  }

  failed(peer: PeerId): void {
    const row = this.#rows.get(peer.toString())
    if (row?.state === 'dialing') this.#backOff(row, row.failures + 1)
  }

  connected(peer: PeerId, standing: Standing): void {
    const known = this.#rows.get(peer.toString())
    if (!known) this.#makeRoom(standing)
    const row = known ?? this.#add(peer, [], standing)
    row.state = 'connected'
    row.connectedMs = this.#dependencies.nowMs()
  }

  disconnected(peer: PeerId): void {
    const row = this.#rows.get(peer.toString())
    if (row?.state !== 'connected') return
    const wasStable = this.#dependencies.nowMs() - row.connectedMs >= STABLE_MS
    this.#backOff(row, wasStable ? 1 : row.failures + 1)
  }

  forget(peer: PeerId): void {
    const row = this.#rows.get(peer.toString())
    if (row?.state === 'idle' && !row.isConfigured) this.#rows.delete(peer.toString())
  }

  /** The way to all of them may be another now: what failed may be tried again soon, each at a moment of its own. */
  retryAll(): void {
    for (const row of this.#rows.values()) {
      if (row.state === 'connected') row.failures = 0
      if (row.state !== 'idle') continue
      row.failures = Math.min(row.failures, 1)
      row.dialAtMs = Math.min(row.dialAtMs, this.#soonMs())
    }
  }

  #add(peer: PeerId, addresses: readonly Multiaddr[], { isMember, isConfigured }: Standing): Row {
    const row: Row = {
      peer,
      isMember,
      isConfigured,
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

  #makeRoom({ isMember }: Standing): boolean {
    if (this.#rows.size < this.#options.maxCandidates) return true
    let worst: Row | undefined
    for (const row of this.#rows.values()) {
      if (row.state !== 'idle' || row.isConfigured) continue
      if (row.failures === 0 && (row.isMember || !isMember)) continue
      if (!worst || isWorse(row, worst)) worst = row
    }
    return worst !== undefined && this.#rows.delete(worst.peer.toString())
  }
}

function isWorse(one: Row, other: Row): boolean {
  return one.isMember === other.isMember ? one.failures > other.failures : !one.isMember
}
