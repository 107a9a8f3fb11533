import {
  Entries,
  type Fingerprint,
  GHOSTS,
  type List,
  MAX_ENTRY_BYTES,
  MAX_USES,
  NO_SLOT,
} from './entries.ts'
import { Lru } from './lru.ts'
import type { Policy, PolicyOptions } from './policy.ts'
import { S3Fifo } from './s3-fifo.ts'
import { Sieve } from './sieve.ts'
import { decodeSnapshot, encodeSnapshot, type Snapshot, STRATEGY_CODES, WORDS_PER_ENTRY } from './snapshot.ts'
import { TinyLfu } from './tiny-lfu.ts'

export const STRATEGIES = ['tinylfu', 's3fifo', 'sieve', 'lru'] as const
export type Strategy = (typeof STRATEGIES)[number]

/** Wins overall: `core/decisions/0011-cache-strategies.md`. */
export const DEFAULT_STRATEGY: Strategy = 'tinylfu'

const policies: Readonly<Record<Strategy, new (options: PolicyOptions) => Policy>> = {
  tinylfu: TinyLfu,
  s3fifo: S3Fifo,
  sieve: Sieve,
  lru: Lru,
}

const LISTS: readonly List[] = [0, 1, 2, 3]

/** Ghosts are of as many bytes as S3-FIFO's main queue: 90 % of the cache. */
const GHOST_SHARE = 0.9

export interface RankingOptions {
  readonly strategy: Strategy
  /** Entries at most, ghosts included. Beyond it ghosts go first, then the blocks that would be evicted next are forgotten. */
  readonly capacity: number
  /** Chance that nobody else knows, 32 bits: against blocks made to collide. */
  readonly seed: number
}

export interface Ranked {
  readonly fingerprint: Fingerprint
  readonly bytes: number
}

/** All blocks that may be evicted, and which of them goes next: a policy over a bounded table. Pure: no clock, no I/O. */
export class Ranking {
  readonly strategy: Strategy
  readonly #entries: Entries
  readonly #policy: Policy

  constructor(
    { strategy, capacity, seed }: RankingOptions,
    { entries = new Entries({ capacity, seed }) }: { readonly entries?: Entries } = {},
  ) {
    this.strategy = strategy
    this.#entries = entries
    this.#policy = new policies[strategy]({ entries, seed })
  }

  get blocks(): number {
    return this.#sum(list => this.#entries.count(list))
  }

  /** Payload bytes of the blocks. */
  get bytes(): number {
    return this.#sum(list => this.#entries.listBytes(list))
  }

  get ghosts(): number {
    return this.#entries.count(GHOSTS)
  }

  /** One block more would make it forget another. */
  get isFull(): boolean {
    return this.#entries.isFull && this.ghosts === 0
  }

  has(fingerprint: Fingerprint): boolean {
    return this.#find(fingerprint) !== NO_SLOT
  }

  /** A new block, or a use of one that is known already. Returns what was forgotten for it. */
  insert(fingerprint: Fingerprint, bytes: number): Fingerprint | undefined {
    if (this.hit(fingerprint)) return undefined
    const ghost = this.#entries.find(fingerprint)
    if (ghost !== NO_SLOT) this.#entries.remove(ghost)
    const forgotten = this.#makeRoom()
    const list = this.#policy.insertsInto(ghost !== NO_SLOT)
    this.#policy.inserted(this.#entries.add(fingerprint, Math.min(bytes, MAX_ENTRY_BYTES), list))
    return forgotten
  }

  /** A block of which nothing is known: it goes before those that are known. False where that needs more room than there is. */
  adopt(fingerprint: Fingerprint, bytes: number): boolean {
    if (this.has(fingerprint)) return true
    if (this.isFull) return false
    const ghost = this.#entries.find(fingerprint)
    if (ghost !== NO_SLOT) this.#entries.remove(ghost)
    this.#makeRoom()
    const list = this.#policy.adoptsInto()
    this.#policy.adopted(this.#entries.add(fingerprint, Math.min(bytes, MAX_ENTRY_BYTES), list, 'oldest'))
    return true
  }

  /** A use. False where the block is not known. */
  hit(fingerprint: Fingerprint): boolean {
    const slot = this.#find(fingerprint)
    if (slot === NO_SLOT) return false
    this.#policy.hit(slot)
    return true
  }

  /** The block is gone, or may not be evicted. */
  remove(fingerprint: Fingerprint): void {
    const slot = this.#find(fingerprint)
    if (slot !== NO_SLOT) this.#entries.remove(slot)
  }

  /** Takes out the block that goes next where `wantedBytes` are to be freed; undefined where there is none. */
  evict(wantedBytes: number): Ranked | undefined {
    const slot = this.#policy.victim(Math.max(0, this.bytes - wantedBytes))
    if (slot === NO_SLOT) return undefined
    const victim = { fingerprint: this.#entries.fingerprintOf(slot), bytes: this.#entries.bytesOf(slot) }
    if (this.#policy.leavesGhost(slot)) {
      this.#entries.setUses(slot, 0)
      this.#entries.move(slot, GHOSTS)
      while (this.#entries.listBytes(GHOSTS) > GHOST_SHARE * this.bytes) this.#dropGhost()
    } else {
      this.#entries.remove(slot)
    }
    return victim
  }

  /** All that it knows, for {@link restore}. */
  encode(): Uint8Array {
    const counts = LISTS.map(list => this.#entries.count(list))
    const total = counts.reduce((sum, count) => sum + count, 0)
    const saved = { words: new Uint32Array(total * WORDS_PER_ENTRY), uses: new Uint8Array(total) }
    let from = 0
    for (const list of LISTS) {
      this.#entries.save(list, saved, from)
      from += this.#entries.count(list)
    }
    const strategyCode = STRATEGY_CODES[this.strategy]
    return encodeSnapshot({ strategyCode, counts, ...saved, policyState: this.#policy.encode() })
  }

  /**
   * Takes over what {@link encode} gave, and decides as that one would have; this one must be new. From another strategy, or one
   * with more entries, it takes the blocks in their order. False where `bytes` are anything else: start with a new one then.
   */
  restore(bytes: Uint8Array): boolean {
    const snapshot = decodeSnapshot(bytes)
    if (!snapshot) return false
    const { strategyCode, policyState, uses } = snapshot
    const isWhole = strategyCode === STRATEGY_CODES[this.strategy] && uses.length <= this.#entries.capacity
    if (isWhole && !this.#policy.decode(policyState)) return false
    return isWhole ? this.#restoreAll(snapshot) : this.#insertAll(snapshot)
  }

  #restoreAll({ counts, words, uses }: Snapshot): boolean {
    let entry = 0
    for (const list of LISTS) {
      for (const end = entry + (counts[list] ?? 0); entry < end; entry++) {
        const { fingerprint, bytes } = savedEntry(words, entry)
        const used = uses[entry] ?? 0
        if (used > MAX_USES || this.#entries.find(fingerprint) !== NO_SLOT) return false
        this.#entries.setUses(this.#entries.add(fingerprint, bytes, list), used)
      }
    }
    return true
  }

  #insertAll({ counts, words, uses }: Snapshot): boolean {
    for (let entry = counts[GHOSTS] ?? 0; entry < uses.length; entry++) {
      const { fingerprint, bytes } = savedEntry(words, entry)
      this.insert(fingerprint, bytes)
    }
    return true
  }

  #makeRoom(): Fingerprint | undefined {
    if (!this.#entries.isFull) return undefined
    if (this.ghosts > 0) {
      this.#dropGhost()
      return undefined
    }
    const slot = this.#policy.victim(this.bytes)
    const fingerprint = this.#entries.fingerprintOf(slot)
    this.#entries.remove(slot)
    return fingerprint
  }

  #dropGhost(): void {
    this.#entries.remove(this.#entries.oldest(GHOSTS))
  }

  #find(fingerprint: Fingerprint): number {
    const slot = this.#entries.find(fingerprint)
    return slot !== NO_SLOT && this.#entries.listOf(slot) === GHOSTS ? NO_SLOT : slot
  }

  #sum(of: (list: List) => number): number {
    return of(1) + of(2) + of(3)
  }
}

function savedEntry(words: Uint32Array, entry: number): Ranked {
  const from = entry * WORDS_PER_ENTRY
  const [high = 0, low = 0, bytes = 0] = [words[from], words[from + 1], words[from + 2]]
  return { fingerprint: { high, low }, bytes }
}
