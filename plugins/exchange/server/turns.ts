/**
 * Whose want is served next: the peer that has had the fewest bytes, of those that wait. A peer that comes late starts
 * level with the one served last, so that it neither waits for the others' past nor starves them.
 */
export class Turns<T extends { readonly bytes: number }> {
  readonly #queues = new Map<string, { items: Set<T>; servedBytes: number }>()
  #levelBytes = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  add(peer: string, item: T): void {
    const queue = this.#queues.get(peer) ?? { items: new Set<T>(), servedBytes: this.#levelBytes }
    this.#queues.set(peer, queue)
    queue.items.add(item)
    this.#size++
  }

  remove(peer: string, item: T): boolean {
    const queue = this.#queues.get(peer)
    if (!queue?.items.delete(item)) return false
    this.#size--
    if (queue.items.size === 0) this.#queues.delete(peer)
    return true
  }

  /** Takes the next item that `mayTake` allows. A peer whose first item isn't allowed is passed over. */
  next(mayTake: (peer: string, bytes: number) => boolean): T | undefined {
    let best: { peer: string; item: T; servedBytes: number } | undefined
    for (const [peer, { items, servedBytes }] of this.#queues) {
      if (best && servedBytes >= best.servedBytes) continue
      const [item] = items
      if (item && mayTake(peer, item.bytes)) best = { peer, item, servedBytes }
    }
    if (!best) return undefined
    const queue = this.#queues.get(best.peer)
    if (queue) queue.servedBytes += best.item.bytes
    this.#levelBytes = Math.max(this.#levelBytes, best.servedBytes)
    this.remove(best.peer, best.item)
    return best.item
  }
}
