import type { CID } from 'multiformats/cid'
import type { Attack } from './attack.ts'
import { directory, holderOf, refused } from './forge.ts'

/** More than `MAX_DAG_DEPTH` of core/content/walk.ts. */
const LEVELS = 2_200
/** Each level is a round trip and a flush: whoever asked for them has had enough by then. */
const PATIENCE_MS = 5_000

export const attack: Attack = {
  name: 'deep DAG',
  what: `Gives out directories within directories, ${LEVELS.toLocaleString('en')} levels deep, for getting and for pinning`,
  limit: '2,048 levels of a DAG; ends when its client leaves',
  result: 'Refused with DAG_INVALID, or left by whoever asked; nothing recurses',
  verdict: { harmless: true },
  async run(arena) {
    const { victim, signal } = arena
    const levels = [directory({})]
    while (levels.length < LEVELS) levels.push(directory({ down: levels.at(-1)?.cid as CID }))
    await holderOf(arena, levels)
    const root = String(levels.at(-1)?.cid)
    const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)])
    const untilLeft = (ask: () => Promise<unknown>) =>
      refused('a deep DAG', ['DAG_INVALID'], ask).catch(error => {
        if (!patience.aborted) throw error
      })
    await Promise.all([
      untilLeft(() => victim.pin(root, patience)),
      untilLeft(() => victim.export(root, { signal: patience })),
    ])
  },
}
