import type { CID } from 'multiformats/cid'
import { type Token, token } from '../container.ts'
import type { WaitOptions } from '../storage/storage.ts'
import type { Exchange, WantedBlock } from './exchange.ts'

/**
 * Blocks from here or from the network: the one place where a block that was fetched is stored.
 *
 * Memory in flight is leased from the node's byte budget, and disk is reserved before a fetch.
 */
export interface Blocks {
  has(cid: CID): boolean
  /** Fetches of one DAG share a session, so that providers found for one block are asked for the next. */
  session(root: CID): BlockSession
  /** Who fetches. Returns the function that detaches it. */
  attachExchange(exchange: Exchange): () => void
}

export type GetOptions = WaitOptions & Pick<WantedBlock, 'sizeHint'>

export interface EnsureAllOptions extends WaitOptions {
  /** Told of each block once it is held, with its payload bytes; must not throw. */
  onHeld(block: WantedBlock, bytes: number): void
}

export interface BlockSession extends AsyncDisposable {
  /**
   * The block, verified and, where it was fetched, durable.
   * `sizeHint`: payload bytes where a link claims them, for leases and reservations. A block that is larger costs a
   * second fetch.
   *
   * @throws SkepError CONTENT_UNAVAILABLE (says who was asked), STORAGE_FULL
   */
  get(cid: CID, options?: GetOptions): Promise<Uint8Array>
  /** `get` for whoever needs the block held but not its bytes: resolves with how many there are. */
  ensure(cid: CID, options?: GetOptions): Promise<number>
  /**
   * `ensure` of many blocks, in whatever order they come. Those that links claim to be small share a fetch and its room, so
   * give it no more than a block's worth of them at a time. Rejects with the first failure; of what was on its way by then
   * `onHeld` may still be told.
   */
  ensureAll(wanted: readonly WantedBlock[], options: EnsureAllOptions): Promise<void>
}

export const Blocks: Token<Blocks> = token('blocks')
