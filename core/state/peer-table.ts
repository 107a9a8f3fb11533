import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Events } from '../events.ts'
import type { DiscoverySource } from '../services/discovery.ts'
import { answered, asked, heard, isSilent, livenessOf, type Pulse } from './liveness.ts'
import {
  bounded,
  boundedAddresses,
  foundBy,
  type KeptPeer,
  MAX_PROTOCOLS,
  MAX_TEXT_CHARACTERS,
  type PeerRecord,
  STANDINGS,
  standingOf,
} from './peer-record.ts'
import type { PeerSummary, PeerTable, RememberedPeer } from './peer-state.ts'
import { PeerTags } from './peer-tags.ts'

export interface PeerTableOptions {
  /** Connected and tagged peers are always kept, so the limits on these bound what goes beyond. */
  readonly maxPeers: number
}

/** Keeps peers across restarts. */
export interface PeerKeeper {
  /** What earlier runs left, the least recently seen first. */
  readonly kept: readonly KeptPeer[]
  /** `peer` has changed, or is gone; asked for soon. */
  changed(peer: string, read: () => KeptPeer | undefined): void
}

export interface PeerTableDependencies {
  readonly events: Events
  /** Wall clock, in milliseconds. */
  clock?(): number
  /** Monotonic. */
  nowMs?(): number
  /** Default: what is known ends with the process. */
  readonly keeper?: PeerKeeper
  /** Default: what a user says ends with the process, too. */
  readonly tags?: PeerTags
}

export function createPeers(options: PeerTableOptions, deps: PeerTableDependencies): PeerTable {
  return new BoundedPeerTable(options, deps)
}

class BoundedPeerTable implements PeerTable {
  readonly #maxPeers: number
  readonly #events: Events
  readonly #clock: () => number
  readonly #nowMs: () => number
  readonly #keeper: PeerKeeper | undefined
  readonly #tags: PeerTags
  /** Least recently seen first. */
  readonly #records = new Map<string, PeerRecord>()
  #rank = 0

  constructor({ maxPeers }: PeerTableOptions, deps: PeerTableDependencies) {
    const { events, clock = Date.now, nowMs = () => performance.now(), keeper, tags = new PeerTags() } = deps
    this.#maxPeers = maxPeers
    this.#events = events
    this.#clock = clock
    this.#nowMs = nowMs
    this.#keeper = keeper
    this.#tags = tags
    for (const kept of keeper?.kept ?? []) {
      this.#rank = Math.max(this.#rank, kept.rank)
      this.#records.set(kept.peer, { ...this.#emptyRecord(kept.peer), ...kept, isOfThisRun: false })
    }
    for (const peer of tags.peers()) if (!this.#records.has(peer)) this.#add(peer).isOfThisRun = false
    // The limit may be lower than it was.
    this.#shrink()
  }

  list(): PeerSummary[] {
    return Array.from(this.#records.values(), record => this.#summaryOf(record))
  }

  get(peer: PeerId): PeerSummary | undefined {
    const record = this.#records.get(peer.toString())
    return record && this.#summaryOf(record)
  }

  report(...[peer, kind, detail]: Parameters<PeerTable['report']>): void {
    const record = this.#seen(peer)
    record.evidence = { ...record.evidence, [kind]: (record.evidence[kind] ?? 0) + 1 }
    this.#changed(record)
    this.#events.emit('peer:evidence', { peer, kind, detail })
  }

  countBytes(...[peer, direction, bytes]: Parameters<PeerTable['countBytes']>): void {
    const record = this.#seen(peer)
    if (direction === 'sent') record.bytesSent += bytes
    else {
      record.bytesReceived += bytes
      record.pulse = heard(record.pulse, this.#nowMs())
    }
  }

  answered(peer: PeerId): void {
    const record = this.#records.get(peer.toString())
    if (record) record.pulse = heard(record.pulse, this.#nowMs())
  }

  found(peer: PeerId, source: DiscoverySource, addresses: readonly Multiaddr[]): boolean {
    const key = peer.toString()
    const known = this.#records.get(key)
    if (!known && !this.#makeRoom(1)) return false
    const record = known ?? this.#add(key)
    const { foundBy: foundBefore, addresses: addressesBefore } = record
    record.foundBy = foundBy(foundBefore, source)
    record.addresses = boundedAddresses(
      key,
      [...addresses.map(String), ...addressesBefore],
      record.usedAddress,
    )
    // What an earlier run left is no news of the peer.
    if (source !== 'remembered' && !record.connection) {
      record.isOfThisRun = true
      record.pulse = heard(record.pulse, this.#nowMs())
    }
    const isChanged = record.foundBy !== foundBefore || record.addresses.join() !== addressesBefore.join()
    if (isChanged) this.#changed(record)
    return !known
  }

  remembered(): RememberedPeer[] {
    return [...this.#records.values()].reverse().flatMap(({ peer, lastSeenMs, foundBy, addresses }) => {
      const usable = addresses.flatMap(text => parsed(text) ?? [])
      if ((lastSeenMs === undefined && !this.#isTagged(peer)) || usable.length === 0) return []
      return { peer: peerIdFromString(peer), addresses: usable, foundBy }
    })
  }

  async tag(peer: PeerId, name: string, value: number): Promise<void> {
    await this.#tags.set(peer, name, value)
    const key = peer.toString()
    this.#changed(this.#records.get(key) ?? this.#add(key))
    this.#events.emit('peer:tagged', { peer, tags: this.#tags.of(key) })
  }

  async untag(peer: PeerId, name?: string): Promise<boolean> {
    const isChanged = await this.#tags.remove(peer, name)
    if (!isChanged) return false
    const key = peer.toString()
    this.#save(key)
    this.#shrink()
    this.#events.emit('peer:tagged', { peer, tags: this.#tags.of(key) })
    return true
  }

  forget(peer: PeerId): boolean {
    const record = this.#records.get(peer.toString())
    if (!record || record.connection) return false
    this.#remove(record)
    if (this.#isTagged(record.peer)) this.#add(record.peer)
    this.#events.emit('peer:forgotten', { peer })
    return true
  }

  connected(...[peer, facts]: Parameters<PeerTable['connected']>): void {
    const record = this.#seen(peer)
    const isNew = record.connection === undefined
    record.connection = facts
    record.usedAddress = facts.address
    record.failedDials = 0
    record.pulse = heard(record.pulse, this.#nowMs())
    if (facts.direction === 'inbound') record.foundBy ??= 'inbound'
    // Who calls does so from a port that nobody listens on.
    else record.addresses = boundedAddresses(record.peer, [facts.address, ...record.addresses], facts.address)
    if (!isNew) return
    // One that comes anew while the old connection looks open was told to be suspect: `review` tells otherwise.
    record.isSuspect = false
    record.connectedMs = this.#clock()
    record.lastSeenMs = record.connectedMs
    this.#changed(record)
    this.#events.emit('peer:connected', { peer })
  }

  rerouted(...[peer, facts]: Parameters<PeerTable['rerouted']>): void {
    const record = this.#records.get(peer.toString())
    if (!record?.connection) return
    record.connection = facts
    record.usedAddress = facts.address
  }

  disconnected(peer: PeerId): void {
    const record = this.#records.get(peer.toString())
    if (!record?.connection) return
    this.#seen(peer)
    record.lastSeenMs = this.#clock()
    if (isSilent(record.pulse, this.#nowMs())) record.failedDials = 1
    record.pulse = heard(record.pulse, this.#nowMs())
    record.connection = undefined
    record.connectedMs = undefined
    this.#changed(record)
    this.#shrink()
    this.#events.emit('peer:disconnected', { peer })
  }

  identified(...[peer, { agent, protocols, addresses }]: Parameters<PeerTable['identified']>): void {
    const record = this.#seen(peer)
    const { connection } = record
    record.agent = agent?.slice(0, MAX_TEXT_CHARACTERS)
    record.protocols = bounded(protocols, MAX_PROTOCOLS)
    if (addresses.length > 0) {
      // What it says replaces all but the way that was shown to work.
      const proven = connection?.direction === 'outbound' ? [connection.address] : []
      record.addresses = boundedAddresses(record.peer, [...proven, ...addresses], record.usedAddress)
    }
    this.#changed(record)
  }

  unreachable(peer: PeerId): void {
    const record = this.#records.get(peer.toString())
    if (record && !record.connection) record.failedDials++
  }

  asked(peer: PeerId): void {
    const record = this.#records.get(peer.toString())
    if (record?.connection) record.pulse = asked(record.pulse, this.#nowMs())
  }

  pulseOf(peer: PeerId): Pulse | undefined {
    const record = this.#records.get(peer.toString())
    return record?.connection && record.pulse
  }

  review(): void {
    for (const record of this.#records.values()) {
      if (!record.connection) continue
      const isSuspect = isSilent(record.pulse, this.#nowMs())
      if (isSuspect === record.isSuspect) continue
      record.isSuspect = isSuspect
      this.#events.emit('peer:liveness', {
        peer: peerIdFromString(record.peer),
        liveness: isSuspect ? 'suspect' : 'connected',
      })
    }
  }

  roundTrip(peer: PeerId, milliseconds: number): void {
    const record = this.#records.get(peer.toString())
    if (record) record.pulse = answered(record.pulse, milliseconds, this.#nowMs())
  }

  /** The record of a peer that this node has to do with, the last to leave from now on; made where there is none. */
  #seen(peer: PeerId): PeerRecord {
    const key = peer.toString()
    const known = this.#records.get(key)
    if (!known) this.#makeRoom(STANDINGS.length)
    const record = known ?? this.#add(key)
    this.#records.delete(key)
    this.#records.set(key, record)
    record.rank = ++this.#rank
    record.isOfThisRun = true
    return record
  }

  #add(peer: string): PeerRecord {
    const record = this.#emptyRecord(peer)
    this.#records.set(peer, record)
    return record
  }

  /** False where there is no room but for one whose standing is at least `below`. */
  #makeRoom(below: number): boolean {
    while (this.#records.size >= this.#maxPeers) if (!this.#evict(below)) return false
    return true
  }

  /** Those who had to stay may leave by now. */
  #shrink(): void {
    while (this.#records.size > this.#maxPeers && this.#evict(STANDINGS.length)) {}
  }

  /** Has the first of the least standing leave, if that is less than `below`. */
  #evict(below: number): boolean {
    let leaving: PeerRecord | undefined
    let least = below
    for (const record of this.#records.values()) {
      const standing = standingOf(record)
      if (standing >= least || record.connection || this.#isTagged(record.peer)) continue
      leaving = record
      least = standing
      if (least === 0) break
    }
    if (leaving) this.#remove(leaving)
    return leaving !== undefined
  }

  #remove(record: PeerRecord): void {
    this.#records.delete(record.peer)
    this.#changed(record)
  }

  #isTagged(peer: string): boolean {
    return Object.keys(this.#tags.of(peer)).length > 0
  }

  #changed(record: PeerRecord): void {
    if (this.#isKept(record)) this.#save(record.peer)
  }

  #save(peer: string): void {
    this.#keeper?.changed(peer, () => {
      const record = this.#records.get(peer)
      return record && this.#isKept(record) ? record : undefined
    })
  }

  /** Peers merely heard of are heard of again; only the others are worth a write. */
  #isKept({ peer, lastSeenMs }: PeerRecord): boolean {
    return lastSeenMs !== undefined || this.#isTagged(peer)
  }

  #emptyRecord(peer: string): PeerRecord {
    return {
      peer,
      rank: 0,
      lastSeenMs: undefined,
      foundBy: undefined,
      addresses: [],
      agent: undefined,
      evidence: {},
      connection: undefined,
      connectedMs: undefined,
      usedAddress: undefined,
      pulse: { heardMs: this.#nowMs() },
      isSuspect: false,
      isOfThisRun: true,
      failedDials: 0,
      protocols: [],
      bytesReceived: 0,
      bytesSent: 0,
    }
  }

  #summaryOf(record: PeerRecord): PeerSummary {
    const { connection, connectedMs, agent, foundBy, pulse } = record
    const lastSeenMs = connection ? this.#clock() : record.lastSeenMs
    return {
      peer: record.peer,
      liveness: livenessOf({ ...record, isConnected: connection !== undefined }, this.#nowMs()),
      ...(foundBy && { foundBy }),
      ...(connection && {
        direction: connection.direction,
        isRelayed: connection.isRelayed ?? false,
        remoteAddress: connection.address,
      }),
      addresses: record.addresses,
      ...(agent !== undefined && { agent }),
      protocols: record.protocols,
      ...(connection?.encryption && { encryption: connection.encryption }),
      ...(connection && pulse.roundTripMs !== undefined && { latencyMs: pulse.roundTripMs }),
      ...(connectedMs !== undefined && { connectedMs }),
      ...(lastSeenMs !== undefined && { lastSeenMs }),
      bytesReceived: record.bytesReceived,
      bytesSent: record.bytesSent,
      evidence: { ...record.evidence },
      tags: this.#tags.of(record.peer),
    }
  }
}

/** Undefined for what is no address: peers choose what they tell. */
function parsed(text: string): Multiaddr | undefined {
  try {
    return multiaddr(text)
  } catch {
    return undefined
  }
}
