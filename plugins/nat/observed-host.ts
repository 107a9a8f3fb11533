/** Witnesses that count: enough for a majority among the peers of a board, and few enough to follow a change soon. */
const MAX_WITNESSES = 16

/** The address from which others see this node come. The longest silent witness leaves first. */
export class ObservedHost {
  /** Peer -> host, the last heard at the end. */
  readonly #witnesses = new Map<string, string>()

  heard(peer: string, host: string): void {
    this.#witnesses.delete(peer)
    this.#witnesses.set(peer, host)
    const [oldest] = this.#witnesses.keys()
    if (this.#witnesses.size > MAX_WITNESSES && oldest !== undefined) this.#witnesses.delete(oldest)
  }

  /** What was seen before says nothing of another network. */
  forget(): void {
    this.#witnesses.clear()
  }

  /** What most say; of as many the one heard last. */
  get value(): string | undefined {
    const votes = new Map<string, number>()
    for (const host of this.#witnesses.values()) votes.set(host, (votes.get(host) ?? 0) + 1)
    let best: string | undefined
    for (const host of [...this.#witnesses.values()].reverse()) {
      if (best === undefined || (votes.get(host) ?? 0) > (votes.get(best) ?? 0)) best = host
    }
    return best
  }
}
