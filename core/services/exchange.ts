import type { CID } from 'multiformats/cid'
import { type Token, token } from '../container.ts'
import type { WaitOptions } from '../storage/storage.ts'

/** Gets blocks from other peers. Returned bytes are always verified against their CID; storing them is the caller's. */
export interface Exchange {
  session(root: CID): ExchangeSession
}

export interface WantedBlock {
  readonly cid: CID
  /** Payload bytes as a link claims them, which bound what is received: the caller has room for no more. */
  readonly sizeHint?: number
}

export interface FetchOptions extends WaitOptions {
  /**
   * Takes memory and disk for all that is fetched. Called when a peer is about to be asked, and awaited before: a caller may
   * want many blocks, of which the exchange chooses the best, and holds room for those under way alone. Resolves with what
   * gives the room back where nobody has what hasn't come, or all put it off; it is made anew before another is asked. When
   * the fetch has ended, however it did, the caller gives it back itself. A rejection fails the fetch with its reason.
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
  fetch(cid: CID, options?: FetchOptions & Pick<WantedBlock, 'sizeHint'>): Promise<Uint8Array>
  /**
   * `fetch` of many blocks at the cost of few: they share the signal, the room and the first failure, which ends the fetch
   * of what hasn't come. For small blocks, as the room is held for all of them. `onBlock` is given each as it comes,
   * verified, and must not throw; blocks that came together may share a buffer.
   *
   * @throws SkepError as `fetch`
   */
  fetchAll(
    wanted: readonly WantedBlock[],
    options: FetchOptions & { onBlock(wanted: WantedBlock, bytes: Uint8Array): void },
  ): Promise<void>
}

export const Exchange: Token<Exchange> = token('exchange')
