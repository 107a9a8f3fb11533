import type { CID } from 'multiformats/cid'
import { type Token, token } from '../container.ts'
import type { WaitOptions } from '../storage/storage.ts'

/** Gets blocks from other peers. Returned bytes are always verified against their CID; storing them is the caller's. */
export interface Exchange {
  session(root: CID): ExchangeSession
}

export interface FetchOptions extends WaitOptions {
  /** Payload bytes as a link claims them, which bound what is received: the caller has room for no more. */
  readonly sizeHint?: number
  /**
   * Takes memory and disk for the block. Called when a peer is about to be asked, and awaited before: a caller may want
   * many blocks, of which the exchange chooses the best, and holds room for those under way alone. Resolves with what
   * gives the room back where the peer puts the block off; it is made anew before another is asked. When the fetch has
   * ended, however it did, the caller gives it back itself. A rejection fails the fetch with its reason.
   *
   * By default the caller has the room already.
   */
  makeRoom?(): Promise<() => void>
  /** True while it doesn't matter which of the caller's blocks comes first; asked again and again. By default it matters. */
  anyOrder?(): boolean
}

export interface ExchangeSession extends AsyncDisposable {
  /**
   * Resolves with verified bytes, which the caller owns. Waits for providers to appear until `signal` aborts or the
   * configured time limit for a block nobody has passes.
   *
   * @throws SkepError BLOCK_UNAVAILABLE: its message says who was asked and what they answered; BLOCK_OVER_HINT where
   * the block is larger than `sizeHint`; what `makeRoom` throws
   */
  fetch(cid: CID, options?: FetchOptions): Promise<Uint8Array>
}

export const Exchange: Token<Exchange> = token('exchange')
