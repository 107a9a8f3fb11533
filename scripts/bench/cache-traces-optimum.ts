import type { Trace } from './cache-traces-families.ts'

export interface HitCount {
  readonly hits: number
  readonly hitBytes: number
}

const NEVER = 0xffff_ffff

/** For each request, the number of the next one for the same object. */
function nextUses({ requests, sizes }: Trace): Uint32Array {
  const next = new Uint32Array(requests.length)
  const seen = new Uint32Array(sizes.length).fill(NEVER)
  for (let n = requests.length - 1; n >= 0; n--) {
    const object = requests[n] as number
    next[n] = seen[object] as number
    seen[object] = n
  }
  return next
}

/**
 * Belady's MIN by bytes: makes room by what would take the most bytes for the longest time until it is needed again, the new
 * block included. Optimal where all sizes are the same. With unequal ones the optimum is NP-hard; this is a strategy that
 * knows the future, and {@link upperBound} says how far from the best it can be.
 */
export function belady(trace: Trace, capacityBytes: number): HitCount {
  const { requests, sizes } = trace
  const next = nextUses(trace)
  /** Of a held object the number of its next request, else 0. */
  const heldUntil = new Uint32Array(sizes.length)
  const held = new HeldBySize(heldUntil, sizes)
  let usedBytes = 0
  let hits = 0
  let hitBytes = 0
  requests.forEach((object, now) => {
    const size = sizes[object] as number
    if (now > 0 && heldUntil[object] === now) {
      hits += 1
      hitBytes += size
    } else {
      usedBytes += size
    }
    heldUntil[object] = next[now] as number
    held.add(object)
    while (usedBytes > capacityBytes) {
      const victim = held.takeDearest(now)
      heldUntil[victim] = 0
      usedBytes -= sizes[victim] as number
    }
  })
  return { hits, hitBytes }
}

/** One heap for each power of two of sizes: the dearest of all is, but for a factor of two, the top of one of them. */
class HeldBySize {
  readonly #heldUntil: Uint32Array
  readonly #sizes: Uint32Array
  readonly #classes = Array.from({ length: 32 }, () => new FarthestFirst())

  constructor(heldUntil: Uint32Array, sizes: Uint32Array) {
    this.#heldUntil = heldUntil
    this.#sizes = sizes
  }

  add(object: number): void {
    const size = this.#sizes[object] as number
    this.#classes[31 - Math.clz32(size)]?.push(this.#heldUntil[object] as number, object)
  }

  takeDearest(now: number): number {
    let dearest: FarthestFirst | undefined
    let highest = -1
    for (const heap of this.#classes) {
      const top = this.#top(heap)
      if (!top) continue
      const distance = top.until === NEVER ? Number.POSITIVE_INFINITY : top.until - now
      const cost = distance * (this.#sizes[top.object] as number)
      if (cost <= highest) continue
      highest = cost
      dearest = heap
    }
    const taken = dearest?.pop()
    if (!taken) throw new Error('nothing is held that could go')
    return taken.object
  }

  /** What was asked for again since has another entry, further down. */
  #top(heap: FarthestFirst): Held | undefined {
    for (let top = heap.top; top; top = heap.top) {
      if (this.#heldUntil[top.object] === top.until) return top
      heap.pop()
    }
    return undefined
  }
}

interface Held {
  readonly until: number
  readonly object: number
}

/** A binary heap, the farthest on top. */
class FarthestFirst {
  readonly #heap: Held[] = []

  get top(): Held | undefined {
    return this.#heap[0]
  }

  push(until: number, object: number): void {
    const heap = this.#heap
    const entry = { until, object }
    let place = heap.push(entry) - 1
    while (place > 0) {
      const parent = (place - 1) >>> 1
      const above = heap[parent]
      if (!above || above.until >= until) break
      heap[place] = above
      place = parent
    }
    heap[place] = entry
  }

  pop(): Held | undefined {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (!last || heap.length === 0) return top
    let place = 0
    for (;;) {
      const left = heap[2 * place + 1]
      const right = heap[2 * place + 2]
      const isRight = right !== undefined && left !== undefined && right.until > left.until
      const child = isRight ? right : left
      if (!child || child.until <= last.until) break
      heap[place] = child
      place = 2 * place + (isRight ? 2 : 1)
    }
    heap[place] = last
    return top
  }
}

/**
 * No strategy can hit more often: keeping an object until its next request takes its bytes for so many requests, and all
 * there is to give is the capacity for as long as the trace. The cheapest first. PFOO-L in Berger, Beckmann, Harchol-Balter,
 * "Practical Bounds on Optimal Caching with Variable Object Sizes", SIGMETRICS '18.
 */
export function upperBound(trace: Trace, capacityBytes: number): number {
  const { requests, sizes } = trace
  const costs: number[] = []
  nextUses(trace).forEach((until, n) => {
    if (until !== NEVER) costs.push((until - n) * (sizes[requests[n] as number] as number))
  })
  const sorted = Float64Array.from(costs).sort()
  let left = capacityBytes * requests.length
  let hits = 0
  while (hits < sorted.length) {
    left -= sorted[hits] as number
    if (left < 0) break
    hits += 1
  }
  return hits
}
