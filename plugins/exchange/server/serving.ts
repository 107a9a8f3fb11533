import type { PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { Status } from '../wire/codec.ts'

/** A block that a peer waits for. */
export interface Serving {
  readonly asker: Asker
  readonly cid: CID
  /** What reading it counts. */
  readonly bytes: number
  /** Another who was sent it would do, while others wait for theirs. */
  readonly patient?: boolean
  state: 'queued' | 'reading' | 'ready'
  cancelled: boolean
}

/** One peer's questions, whatever protocol it asks by. */
export interface Asker {
  readonly peer: string
  /** Its bytes are capped or counted. */
  readonly isMetered: boolean
  /** The block was read; `undefined`: it can't be had. */
  fulfil(serving: Serving, payload: Uint8Array | undefined): void
  /** The block of a queued want will not be sent now. */
  refuse(serving: Serving): void
  /** The block of `key` is held from now on. */
  gained(key: string): void
}

/** What was sent to a peer in one write. */
export interface Shipped {
  readonly protocol: string
  readonly statuses: readonly Status[]
  readonly blocks: number
  readonly payloadBytes: number
}

/** What askers need of the server. */
export interface ServeHost {
  /** Payload bytes of a block that is held and may be served. */
  sizeOf(cid: CID): number | undefined
  /** False where too much is queued or was read in vain already, or others come first and the asker is patient. */
  enqueue(serving: Serving): boolean
  dequeue(serving: Serving): void
  /** Bytes read for `asker` that it needs no longer. */
  giveBack(asker: Asker, bytes: number): void
  /** As {@link giveBack}, of bytes that the asker wanted and then didn't. */
  giveBackUnsent(asker: Asker, bytes: number): void
  /** So many questions of `peer` brought it no block. */
  questioned(peer: string, count: number): void
  /** Milliseconds before more is read from `peer`, which asks too much of that. */
  delayMs(peer: string): number
  shipped(peer: PeerId, shipped: Shipped): void
}
