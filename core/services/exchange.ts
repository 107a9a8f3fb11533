import type { CID } from 'multiformats/cid'
import { type Token, token } from '../container.ts'
import type { WaitOptions } from '../storage/storage.ts'

/** Gets blocks from other peers. Returned bytes are always verified against their CID; storing them is the caller's. */
export interface Exchange {
  session(root: CID): ExchangeSession
}

export interface ExchangeSession extends AsyncDisposable {
  /**
   * Resolves with verified bytes, which the caller owns. Waits for providers to appear until `signal` aborts or the
   * configured time limit for a block nobody has passes.
   *
   * `sizeHint`: payload bytes as a link claims them, which bound what is received: the caller has leased no more.
   *
   * @throws SkepError BLOCK_UNAVAILABLE: its message says who was asked and what they answered; BLOCK_OVER_HINT where
   * the block is larger than `sizeHint`
   */
  fetch(cid: CID, options?: WaitOptions & { sizeHint?: number }): Promise<Uint8Array>
}

export const Exchange: Token<Exchange> = token('exchange')
