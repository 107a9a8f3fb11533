import type { PeerId } from '@libp2p/interface'
import { isWithin, type Scope } from './scope.ts'
import type { SignedRecord } from './signed-record.ts'

export interface RecordTableOptions {
  readonly maxRecords: number
  /** Of peers that this node hasn't met: so many may be there by the word of one other. */
  readonly maxHearsay: number
}

export interface RecordTableDependencies {
  /** Peers that leave a full table last. */
  readonly isKept: (peer: PeerId) => boolean
  /** From 0 to below 1. */
  readonly random: () => number
}

interface Row {
  record: SignedRecord
  /** This node was connected to it in this run. Of others it only heard, and tells nobody. */
  isMet: boolean
  /** Who told of it first, as text. */
  readonly teller: string
}

/** `news`: of a peer that nothing was known of, or that is elsewhere now. */
export type Taken = 'news' | 'same' | 'refused'

/**
 * What peers said of where they are: of each the newest record. Bounded: the one unchanged for longest makes room, those never
 * met first; what one peer tells of strangers is bounded, too.
 */
export class RecordTable {
  readonly #options: RecordTableOptions
  readonly #dependencies: RecordTableDependencies
  /** The one unchanged for longest first. */
  readonly #rows = new Map<string, Row>()
  /** Rows of peers not met, by teller. */
  readonly #hearsay = new Map<string, number>()

  constructor(options: RecordTableOptions, dependencies: RecordTableDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  get size(): number {
    return this.#rows.size
  }

  get(peer: PeerId): SignedRecord | undefined {
    return this.#rows.get(peer.toString())?.record
  }

  /** Undefined where nothing is known, or only by hearsay. */
  told(peer: string): SignedRecord | undefined {
    const row = this.#rows.get(peer)
    return row?.isMet ? row.record : undefined
  }

  isNewer(peer: PeerId, sequence: bigint): boolean {
    const known = this.#rows.get(peer.toString())
    return known === undefined || sequence > known.record.sequence
  }

  /** Takes in a record that is newer than what is known. */
  put(record: SignedRecord, teller: PeerId): Taken {
    const key = record.peer.toString()
    const known = this.#rows.get(key)
    if (known) {
      const isSame = sameAddresses(known.record, record)
      known.record = record
      this.#rows.delete(key)
      this.#rows.set(key, known)
      return isSame ? 'same' : 'news'
    }
    const by = teller.toString()
    const told = this.#hearsay.get(by) ?? 0
    if (key !== by && told >= this.#options.maxHearsay) return 'refused'
    if (!this.#makeRoom()) return 'refused'
    this.#rows.set(key, { record, isMet: false, teller: by })
    this.#hearsay.set(by, told + 1)
    return 'news'
  }

  /** This node is connected to it. True where it was hearsay before. */
  met(peer: PeerId): boolean {
    const row = this.#rows.get(peer.toString())
    if (!row || row.isMet) return false
    row.isMet = true
    this.#retell(row)
    return true
  }

  /** What is known of the peer counts no more. */
  delete(peer: PeerId): void {
    this.#remove(peer.toString())
  }

  /** Some of the peers met, by chance, whose records may be told where `scope` counts, without `except`. */
  sample(count: number, scope: Scope, except: PeerId): SignedRecord[] {
    const records = [...this.#rows.values()].flatMap(({ record, isMet }) =>
      isMet && isWithin(record.scope, scope) && !record.peer.equals(except) ? [record] : [],
    )
    const many = Math.min(count, records.length)
    for (let at = 0; at < many; at++) {
      const other = at + Math.floor(this.#dependencies.random() * (records.length - at))
      const [one, two] = [records[at], records[other]]
      if (one && two) [records[at], records[other]] = [two, one]
    }
    return records.slice(0, many)
  }

  #makeRoom(): boolean {
    if (this.#rows.size < this.#options.maxRecords) return true
    let worst: string | undefined
    for (const [key, { record, isMet }] of this.#rows) {
      if (this.#dependencies.isKept(record.peer)) continue
      if (!isMet) {
        worst = key
        break
      }
      worst ??= key
    }
    if (worst === undefined) return false
    this.#remove(worst)
    return true
  }

  #remove(key: string): void {
    const row = this.#rows.get(key)
    if (!row) return
    this.#rows.delete(key)
    if (!row.isMet) this.#retell(row)
  }

  #retell({ teller }: Row): void {
    const left = (this.#hearsay.get(teller) ?? 0) - 1
    if (left > 0) this.#hearsay.set(teller, left)
    else this.#hearsay.delete(teller)
  }
}

function sameAddresses(one: SignedRecord, other: SignedRecord): boolean {
  return (
    one.addresses.length === other.addresses.length &&
    one.addresses.every(address => other.addresses.some(known => known.equals(address)))
  )
}
