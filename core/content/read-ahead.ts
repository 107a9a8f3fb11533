import type { Lease, MemoryBudget } from '../resources/byte-budget.ts'

export interface ReadAheadOptions<I, O> {
  readonly memory: MemoryBudget
  /** Bytes that the result will hold, as well as they are known. */
  sizeOf(item: I): number
  load(item: I, signal: AbortSignal): Promise<O>
  readonly signal?: AbortSignal
}

/** Enough to keep several peers and the disk busy. */
const MAX_ITEMS_AHEAD = 32
const MAX_BYTES_AHEAD = 16 * 1024 * 1024

interface Slot<O> {
  readonly result: Promise<O>
  readonly bytes: number
  readonly lease?: Promise<Lease>
}

/**
 * Loads `items`, several at a time, and gives their results in order.
 *
 * What is loaded ahead is leased from the memory budget, and only while half of it is free: readers that nobody drains
 * can't starve fetches, and under pressure a reader goes on one item at a time.
 */
export async function* readAhead<I, O>(
  items: Iterable<I> | AsyncIterable<I>,
  { memory, sizeOf, load, signal }: ReadAheadOptions<I, O>,
): AsyncGenerator<O, void, void> {
  const stop = new AbortController()
  const stopOrAbort = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const source = iterate(items)
  const slots: Slot<O>[] = []
  let aheadBytes = 0
  let next = await source.next()

  const start = (item: I, bytes: number, lease?: Promise<Lease>): void => {
    const result = lease ? lease.then(() => load(item, stopOrAbort)) : load(item, stopOrAbort)
    // Awaited in its turn; until then a failure isn't unhandled.
    result.catch(() => undefined)
    slots.push({ result, bytes, lease })
    aheadBytes += bytes
  }

  try {
    while (!next.done || slots.length > 0) {
      while (!next.done && slots.length < MAX_ITEMS_AHEAD) {
        const bytes = sizeOf(next.value)
        const isHead = slots.length === 0
        if (!isHead && (aheadBytes + bytes > MAX_BYTES_AHEAD || !isRoomy(memory, bytes))) break
        start(next.value, bytes, isHead ? undefined : memory.lease(bytes, { signal: stopOrAbort }))
        next = await source.next()
      }
      const head = slots.shift()
      if (!head) break
      try {
        const result = await head.result
        signal?.throwIfAborted()
        await giveBack(head)
        aheadBytes -= head.bytes
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
