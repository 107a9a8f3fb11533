import type { CID } from 'multiformats/cid'
import type { PinLedger } from './pin-ledger.ts'
import { readLink } from './pin-records.ts'
import type { DagLink } from './walk.ts'

/** A place among the kept links of a node. Reads them row by row. */
export class LinkCursor {
  readonly #ledger: PinLedger
  readonly #cid: CID
  #row = 0
  /** Within the row. */
  #offset = 0
  #bytes: Uint8Array | undefined

  constructor(ledger: PinLedger, cid: CID) {
    this.#ledger = ledger
    this.#cid = cid
  }

  next(): DagLink | undefined {
    for (;;) {
      this.#bytes ??= this.#ledger.row(this.#cid, this.#row)
      if (!this.#bytes) return undefined
      const next = readLink(this.#bytes, this.#offset)
      if (next) {
        this.#offset = next.end
        return next.link
      }
      this.#row += 1
      this.#offset = 0
      this.#bytes = undefined
    }
  }

  /** Lets go of the row until the next link is asked for: of a deep DAG only one row is in memory. */
  rest(): void {
    this.#bytes = undefined
  }
}
