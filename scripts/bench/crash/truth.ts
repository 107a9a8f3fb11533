/** What the node has acknowledged, and nothing else: the part that no kill may take back. */
export class Truth {
  readonly #pinned = new Map<string, number>()
  readonly #removed = new Set<string>()

  /** Bytes of what is pinned, about. */
  get pinnedBytes(): number {
    let bytes = 0
    for (const size of this.#pinned.values()) bytes += size
    return bytes
  }

  get pinned(): readonly string[] {
    return [...this.#pinned.keys()]
  }

  get removed(): ReadonlySet<string> {
    return this.#removed
  }

  /** The node was asked for something: until it answers, either is right. */
  isInDoubt(cid: string): void {
    this.#pinned.delete(cid)
    this.#removed.delete(cid)
  }

  wasPinned(cid: string, bytes: number): void {
    this.#removed.delete(cid)
    this.#pinned.set(cid, bytes)
  }

  wasRemoved(cid: string): void {
    this.#pinned.delete(cid)
    this.#removed.add(cid)
  }
}
