import { join } from 'node:path'
import { HEAP_FLAGS } from '../../core/cli/heap-flags.ts'
import type { Built, Evicted } from './evict-store.ts'
import { LineProcess } from './line-process.ts'
import { type BenchRow, benchRow } from './row.ts'
import { withDirectory } from './turns.ts'

/** What a board may not notice: beyond it, other nodes and the user wait for it. */
const MAX_PAUSE_MS = 20

export interface EvictOptions {
  readonly blocks: number
  /** Of the phases without eviction. */
  readonly seconds: number
}

const STORE = new URL('evict-store.ts', import.meta.url)

/**
 * The cache deletes all of a store of small blocks, while others are added. The longest pause of the event loop is told
 * beside that of the same process with the same adds and no eviction: what the machine takes away itself shows there, and
 * in `own-pause`, which leaves out the time in which others had the processor, and `busy`, the processor time alone.
 */
export function evict({ blocks, seconds }: EvictOptions): Promise<BenchRow[]> {
  return withDirectory('evict', async directory => {
    const place = join(directory, 'store')
    // Each in a process of its own, like a node's: what building leaves on the heap would be collected while we measure.
    const built = await inProcess<Built>({ op: 'build', directory: place, blocks })
    const evicted = await inProcess<Evicted>({ op: 'evict', directory: place, seconds })
    if (evicted.evictedBlocks < built.blocks) throw new Error(`${evicted.evictedBlocks} blocks were evicted`)
    const { adoption, before, during } = evicted
    const row = (metric: string, ours: number, unit: string, peer: number, limit?: number): BenchRow =>
      benchRow({ bench: 'evict', metric, ours, unit, limit, peer: { name: 'no eviction', value: peer } })
    return [
      row('pause', Math.max(during.pauseMs, adoption.pauseMs), 'ms', before.pauseMs, MAX_PAUSE_MS),
      row('own-pause', Math.max(during.ownPauseMs, adoption.ownPauseMs), 'ms', before.ownPauseMs),
      row('busy', Math.max(during.busyMs, adoption.busyMs), 'ms', before.busyMs),
      row('adds', during.adds / during.seconds, '1/s', before.adds / before.seconds),
      benchRow({
        bench: 'evict',
        metric: 'evictions',
        ours: evicted.evictedBlocks / during.seconds,
        unit: '1/s',
      }),
    ]
  })
}

async function inProcess<T>(request: object): Promise<T> {
  const child = await LineProcess.start(STORE, [], { nodeFlags: HEAP_FLAGS })
  try {
    return await child.ask<T>(request)
  } finally {
    await child.stop()
  }
}
