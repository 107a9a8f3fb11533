import type { PeerId } from '../../../core/api.ts'
import { membersError } from './errors.ts'
import { FingerprintKey, unpackFingerprints } from './fingerprint.ts'
import { FingerprintTable } from './fingerprint-table.ts'
import type { ChangeMessage, PartMessage, Position, StartMessage, UpdateMessage } from './wire/codec.ts'

export interface MemberOptions {
  readonly maxBlocks: number
  /** Where fingerprints lie in memory: nobody else's business. */
  readonly seed: number
}

export interface MemberDependencies {
  readonly peer: PeerId
  /**
   * Asked before the member's table takes more memory, with what it takes then.
   * @throws SkepError NO_ROOM
   */
  makeRoom(member: Member, bytes: number): void
}

/** What a member was heard to hold. */
export class Member {
  readonly peer: PeerId
  readonly #maxBlocks: number
  readonly #seed: number
  readonly #makeRoom: MemberDependencies['makeRoom']
  #table: FingerprintTable
  #key: FingerprintKey | undefined
  #position: Position | undefined
  /** Blocks of a snapshot that goes on. */
  #told: number | undefined
  #isPartial = false
  #isFollowed = true
  #leftMs = 0
  /** Look-ups that it was an answer to. */
  finds = 0

  constructor({ maxBlocks, seed }: MemberOptions, { peer, makeRoom }: MemberDependencies) {
    this.peer = peer
    this.#maxBlocks = maxBlocks
    this.#seed = seed
    this.#makeRoom = makeRoom
    this.#table = new FingerprintTable({ seed })
  }

  /** It is connected, and tells of changes. */
  get isFollowed(): boolean {
    return this.#isFollowed
  }

  /** When it was last followed, where it isn't. */
  get leftMs(): number {
    return this.#leftMs
  }

  get blocks(): number {
    return this.#table.size
  }

  get bytes(): number {
    return this.#table.bytes
  }

  /** From where it can go on; undefined: from nowhere. */
  get known(): Position | undefined {
    return this.#told === undefined ? this.#position : undefined
  }

  /** Nothing that it holds is missing here but for what changed in the last moment. */
  get isWhole(): boolean {
    return this.#position !== undefined && this.#told === undefined && !this.#isPartial
  }

  /** It has more than there is room for. */
  get isPartial(): boolean {
    return this.#isPartial
  }

  /** As far as is known. */
  holds(multihash: Uint8Array): boolean {
    return this.#key !== undefined && this.#table.has(this.#key.of(multihash))
  }

  /** It is followed again. */
  returned(): void {
    this.#isFollowed = true
  }

  left(nowMs: number): void {
    this.#isFollowed = false
    this.#leftMs = nowMs
  }

  /**
   * Takes what it told. Returns how many blocks it told of.
   * @throws SkepError INDEX_VIOLATION, NO_ROOM
   */
  apply(message: UpdateMessage): number {
    switch (message.kind) {
      case 'start':
        return this.#start(message)
      case 'part':
        return this.#part(message)
      case 'change':
        return this.#change(message)
    }
  }

  #start({ epoch, sequence, snapshot, blocks }: StartMessage): number {
    if (snapshot) {
      this.#table = new FingerprintTable({ seed: this.#seed })
      this.#told = 0
      this.#isPartial = false
      this.#key = new FingerprintKey(epoch)
      // What it says goes for no more than room that is there.
      const expected = Math.min(blocks, this.#maxBlocks)
      this.#makeRoom(this, FingerprintTable.bytesFor(expected))
      this.#table.reserve(expected)
    } else if (!this.known || !this.#isAt(epoch, sequence)) {
      throw this.#violation(`it goes on from ${sequence}, where nobody was`)
    }
    this.#position = { epoch, sequence }
    return 0
  }

  #part({ added, complete }: PartMessage): number {
    if (this.#told === undefined) throw this.#violation('part of no snapshot')
    const count = this.#add(added)
    this.#told += count
    if (this.#told > this.#maxBlocks)
      throw this.#violation(`a snapshot of more than ${this.#maxBlocks} blocks`)
    if (this.#told === this.#maxBlocks) this.#isPartial = true
    if (complete) {
      this.#told = undefined
      this.#table.fit()
    }
    return count
  }

  #change({ sequence, added, removed }: ChangeMessage): number {
    if (this.#position?.sequence !== sequence - 1)
      throw this.#violation(`change ${sequence} follows ${this.#position?.sequence ?? 'nothing'}`)
    let count = 0
    for (const fingerprint of unpackFingerprints(removed)) {
      this.#table.delete(fingerprint)
      count += 1
    }
    count += this.#add(added)
    this.#position = { ...this.#position, sequence }
    return count
  }

  #add(packed: Uint8Array): number {
    let count = 0
    for (const fingerprint of unpackFingerprints(packed)) {
      if (fingerprint === 0) throw this.#violation('a fingerprint is 0')
      count += 1
      if (this.#table.size >= this.#maxBlocks) {
        this.#isPartial = true
        continue
      }
      const { nextBytes, bytes } = this.#table
      if (nextBytes > bytes) this.#makeRoom(this, nextBytes)
      this.#table.add(fingerprint)
    }
    return count
  }

  #isAt(epoch: Uint8Array, sequence: number): boolean {
    const { known } = this
    return known?.sequence === sequence && Buffer.compare(known.epoch, epoch) === 0
  }

  #violation(detail: string): Error {
    return membersError('INDEX_VIOLATION', `${this.peer}: ${detail}`)
  }
}
