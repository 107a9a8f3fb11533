import type { Lease, MemoryBudget } from '../resources/byte-budget.ts'

export interface ReadAheadOptions<I, O> {
  readonly memory: MemoryBudget
  /** The most that loading one item can take. What is said about its size is a stranger's claim and counts for nothing. */
  readonly maxItemBytes: number
  /** `onBytes` is told what really came, as often as something does. */
  load(item: I, signal: AbortSignal, onBytes: (bytes: number) => void): Promise<O>
  readonly signal?: AbortSignal
}

/** Enough to keep several peers and the disk busy. */
const MAX_ITEMS_AHEAD = 32
const MAX_BYTES_AHEAD = 16 * 1024 * 1024

interface Slot<O> {
  readonly result: Promise<O>
  readonly lease?: Promise<Lease>
  /** What it may take, and once it is loaded what it takes. */
  bytes: number
}

/**
 * Loads `items`, several at a time, and gives their results in order.
 *
 * What is loaded ahead is leased from the memory budget, and only while half of it is free: readers that nobody drains
 * can't starve fetches, and under pressure a reader goes on one item at a time. Each item counts as the largest there is
 * until it has come, and then as what it is.
 */
export async function* readAhead<I, O>(
  items: Iterable<I> | AsyncIterable<I>,
  { memory, maxItemBytes, load, signal }: ReadAheadOptions<I, O>,
): AsyncGenerator<O, void, void> {
  const stop = new AbortController()
  const stopOrAbort = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const source = iterate(items)
  const slots: Slot<O>[] = []
  let next = await source.next()

  const start = (item: I, lease?: Promise<Lease>): void => {
    const run = async (): Promise<O> => {
      const held = await lease
      let bytes = 0
      const result = await load(item, stopOrAbort, added => {
        bytes += added
      })
      slot.bytes = bytes
      held?.shrink(bytes)
      return result
    }
    const slot: Slot<O> = { result: run(), lease, bytes: maxItemBytes }
    // Awaited in its turn; until then a failure isn't unhandled.
    slot.result.catch(() => undefined)
    slots.push(slot)
  }

  try {
    while (!next.done || slots.length > 0) {
      while (!next.done && slots.length < MAX_ITEMS_AHEAD) {
        const isHead = slots.length === 0
        const aheadBytes = slots.reduce((sum, { bytes }) => sum + bytes, 0)
        if (!isHead && (aheadBytes + maxItemBytes > MAX_BYTES_AHEAD || !isRoomy(memory, maxItemBytes))) break
        start(next.value, isHead ? undefined : memory.lease(maxItemBytes, { signal: stopOrAbort }))
        next = await source.next()
      }
      const head = slots.shift()
      if (!head) break
      try {
        const result = await head.result
        signal?.throwIfAborted()
        await giveBack(head)
        yield result
      } catch (error) {
        await giveBack(head)
        throw error
      }
    }
  } finally {
    stop.abort()
    await Promise.all(slots.map(slot => slot.result.catch(() => undefined).then(() => giveBack(slot))))
    await source.return?.()
  }
}

function isRoomy(memory: MemoryBudget, bytes: number): boolean {
  return memory.usedBytes + bytes <= memory.limitBytes / 2
}

async function giveBack({ lease }: Slot<unknown>): Promise<void> {
  const held = await lease?.catch(() => undefined)
  held?.release()
}

function iterate<I>(items: Iterable<I> | AsyncIterable<I>): Iterator<I> | AsyncIterator<I> {
  return Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]()
}
