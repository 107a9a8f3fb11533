import type { Link } from './link.ts'

/** Verified blocks that one link brought. */
export interface Receipt {
  readonly blocks: number
  readonly bytes: number
}

/** Sums up what links bring in one turn and tells it once: to count a small block by itself costs as much as to hash it. */
export class Receipts {
  readonly #tell: (link: Link, receipt: Receipt) => void
  /** As many as there are links. */
  #open = new Map<Link, Receipt>()

  constructor(tell: (link: Link, receipt: Receipt) => void) {
    this.#tell = tell
  }

  add(link: Link, bytes: number): void {
    if (this.#open.size === 0) queueMicrotask(() => this.#flush())
    const sum = this.#open.get(link)
    this.#open.set(link, { blocks: (sum?.blocks ?? 0) + 1, bytes: (sum?.bytes ?? 0) + bytes })
  }

  #flush(): void {
    const receipts = this.#open
    this.#open = new Map()
    for (const [link, receipt] of receipts) this.#tell(link, receipt)
  }
}
