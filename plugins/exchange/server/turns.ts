/** Peers remembered that wait for nothing and had more than their turn: more than a node has connections. */
const MAX_RESTING = 1024

interface Queue<T> {
  readonly items: Set<T>
  servedBytes: number
}

/**
 * Whose want is served next: the peer that has had the fewest bytes, of those that wait. A peer that comes late starts
 * level with the one served last, so that it neither waits for the others' past nor starves them; one that was here before
 * and takes its wants back is no newcomer. (Start-time fair queueing: Goyal, Vin and Cheng, 1996.)
 */
export class Turns<T extends { readonly bytes: number }> {
  readonly #queues = new Map<string, Queue<T>>()
  /** Of peers that wait for nothing, as long as they had more than the level. The one that rests longest is forgotten first. */
  readonly #resting = new Map<string, number>()
  #levelBytes = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  add(peer: string, item: T): void {
    const queue = this.#queues.get(peer) ?? this.#begin(peer)
    queue.items.add(item)
    this.#size++
  }

  remove(peer: string, item: T): boolean {
    const queue = this.#queues.get(peer)
    if (!queue?.items.delete(item)) return false
    this.#size--
    if (queue.items.size === 0) this.#rest(peer, queue)
    return true
  }

  /** Takes the next item that `mayTake` allows. A peer whose first item isn't allowed is passed over. */
  next(mayTake: (peer: string, bytes: number) => boolean): T | undefined {
    let best: { peer: string; item: T; queue: Queue<T> } | undefined
    for (const [peer, queue] of this.#queues) {
      if (best && queue.servedBytes >= best.queue.servedBytes) continue
      const [item] = queue.items
      if (item && mayTake(peer, item.bytes)) best = { peer, item, queue }
    }
    if (!best) return undefined
    const { peer, item, queue } = best
    this.#levelBytes = Math.max(this.#levelBytes, queue.servedBytes)
    queue.servedBytes += item.bytes
    this.remove(peer, item)
    return item
  }

  #begin(peer: string): Queue<T> {
    const servedBytes = Math.max(this.#levelBytes, this.#resting.get(peer) ?? 0)
    const queue: Queue<T> = { items: new Set(), servedBytes }
    this.#resting.delete(peer)
    this.#queues.set(peer, queue)
    return queue
  }

  #rest(peer: string, { servedBytes }: Queue<T>): void {
    this.#queues.delete(peer)
    if (servedBytes <= this.#levelBytes) return
    this.#resting.set(peer, servedBytes)
    for (const [other, otherBytes] of this.#resting) {
      if (this.#resting.size <= MAX_RESTING && otherBytes > this.#levelBytes) break
      this.#resting.delete(other)
    }
  }
}
