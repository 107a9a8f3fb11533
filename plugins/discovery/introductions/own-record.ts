import type { PeerId, PrivateKey } from '@libp2p/interface'
import { CODE_P2P, type Multiaddr } from '@multiformats/multiaddr'
import { isWithin, SCOPES, type Scope, scopeOf } from './scope.ts'
import { type SignedRecord, sealRecord } from './signed-record.ts'

export interface OwnRecordDependencies {
  readonly self: PeerId
  readonly privateKey: PrivateKey
  /** Wall clock, in milliseconds; may be wrong, and may have gone back. */
  readonly clock: () => number
}

/**
 * What this node says of itself: a record for each scope, the nearer with the more addresses. Records of one time are numbered
 * so that the nearer one counts as the newer: whoever gets both keeps the one that says more.
 */
export class OwnRecord {
  readonly #dependencies: OwnRecordDependencies
  #records: ReadonlyMap<Scope, SignedRecord> = new Map<Scope, SignedRecord>()
  #addresses: readonly Multiaddr[] = []
  /** Each is worth as many sequence numbers as there are scopes. */
  #generation = 0n

  constructor(dependencies: OwnRecordDependencies) {
    this.#dependencies = dependencies
  }

  /** Undefined where there is no address to tell. */
  for(scope: Scope): SignedRecord | undefined {
    return this.#records.get(scope)
  }

  /** Says anew where this node is, if it is elsewhere now. True where it is. */
  async update(addresses: readonly Multiaddr[]): Promise<boolean> {
    const bare = addresses.map(address => address.decapsulateCode(CODE_P2P))
    const isSame =
      bare.length === this.#addresses.length &&
      bare.every(address => this.#addresses.some(known => known.equals(address)))
    if (isSame) return false
    this.#addresses = bare
    await this.#seal()
    return true
  }

  /** Whether `sequence` is of a record of this node that counts as newer than what it says now. */
  isOutdoneBy(sequence: bigint): boolean {
    return sequence / BigInt(SCOPES.length) > this.#generation
  }

  /**
   * Somebody holds a record of this node that is numbered higher: it was signed before a restart, by a clock that was ahead of
   * this one. What counts now has to be numbered higher still. True where it was not.
   */
  async outdo(sequence: bigint): Promise<boolean> {
    if (!this.isOutdoneBy(sequence)) return false
    this.#generation = sequence / BigInt(SCOPES.length)
    await this.#seal()
    return true
  }

  async #seal(): Promise<void> {
    const { self, privateKey, clock } = this.#dependencies
    const nowMs = BigInt(Math.max(0, Math.trunc(clock())))
    this.#generation = nowMs > this.#generation ? nowMs : this.#generation + 1n
    const generation = this.#generation
    const records = new Map<Scope, SignedRecord>()
    for (const [at, scope] of SCOPES.entries()) {
      const told = this.#addresses.filter(address => isWithin(scopeOf(address), scope))
      const sequence = generation * BigInt(SCOPES.length) + BigInt(at)
      if (told.length > 0) records.set(scope, await sealRecord(self, sequence, told, privateKey))
    }
    // Something newer may have been said while this was signed.
    if (generation === this.#generation) this.#records = records
  }
}
