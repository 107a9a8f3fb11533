import { setImmediate as turn } from 'node:timers/promises'
import type { BlockStore, Pins } from '../../core/api.ts'
import { cidOfHash, isMultihash } from './block-hash.ts'
import type { DamageList } from './damage-list.ts'

export interface MissingDependencies {
  readonly store: Pick<BlockStore, 'has'>
  readonly pins: Pins
  readonly list: DamageList
}

/** Looked at before other work gets its turn. */
const BLOCKS_PER_TURN = 256

/** True where a block should be here and isn't. While a pin is still fetching, what it lacks is on its way. */
export function isMissed({ pins, list }: Omit<MissingDependencies, 'store'>, hash: Uint8Array): boolean {
  return list.has(hash) || (pins.counts().pinning === 0 && pins.holds(hash))
}

/** Lists pinned blocks that the store doesn't hold at all: a scrub of what is held can't find them. */
export async function listMissing(
  { store, pins, list }: MissingDependencies,
  signal: AbortSignal,
): Promise<void> {
  let after: Uint8Array | undefined
  list.recount()
  for (;;) {
    signal.throwIfAborted()
    if (pins.counts().pinning > 0) return
    const hashes = pins.hashes({ limit: BLOCKS_PER_TURN, ...(after && { after }) })
    // What names nothing is damage of the index, which the begin of the next pass finds.
    for (const hash of hashes) if (isMultihash(hash) && !store.has(cidOfHash(hash))) list.add(hash)
    after = hashes.at(-1)
    if (hashes.length < BLOCKS_PER_TURN) return
    await turn()
  }
}
