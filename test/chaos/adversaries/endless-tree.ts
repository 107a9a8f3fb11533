import { setTimeout as wait } from 'node:timers/promises'
import type { TestBlock } from '../../unit/exchange/fixture.ts'
import type { Attack } from './attack.ts'
import { blockOf, directory, forge, holderOf, RAW, TYPE } from './forge.ts'

const LEAF_BYTES = 64 * 1024
const LEVELS = 24
const READ_BYTES = 1024 * 1024
const STUCK_MS = 1000

export const attack: Attack = {
  name: 'endless tree',
  what: `Gives out ${LEVELS} directories and ${LEVELS} parts of a file, each of which has the next one twice: 2^${LEVELS} files, a terabyte`,
  limit:
    'What is shared is pinned once; a reader has 32 blocks read ahead of it, and ends when its client leaves',
  result: `Pinned as ${2 * LEVELS + 1} blocks; read only as far as somebody reads`,
  verdict: { harmless: true },
  async run(arena) {
    const { victim, signal } = arena
    const leaf = blockOf(RAW, new Uint8Array(LEAF_BYTES))
    const directories = levelsOf(leaf, below => directory({ a: below.cid, b: below.cid }))
    const parts = levelsOf(leaf, (below, level) => {
      const size = BigInt(LEAF_BYTES) * 2n ** BigInt(level)
      return forge({
        type: TYPE.file,
        fileSize: 2n * size,
        blockSizes: [size, size],
        links: [{ cid: below.cid }, { cid: below.cid }],
      })
    })
    await holderOf(arena, [leaf, ...directories, ...parts])
    const tree = String(directories.at(-1)?.cid)
    const file = String(parts.at(-1)?.cid)
    await Promise.all([victim.pin(tree, signal), victim.pin(file, signal)])
    const names = await victim.list(tree, { signal })
    if (names.join() !== 'a,b') throw new Error(`listed as ${names}`)
    await Promise.all([tree, file].map(path => victim.export(path, { limit: READ_BYTES, signal })))
    // Those that begin to read, and then don't.
    const idle = [tree, file].map(async path => {
      const archive = victim.client.download('content/export', { query: { path }, signal })
      await archive.next()
      return archive
    })
    await wait(STUCK_MS)
    for (const archive of await Promise.all(idle)) await archive.return()
  },
}

function levelsOf(leaf: TestBlock, above: (below: TestBlock, level: number) => TestBlock): TestBlock[] {
  const levels: TestBlock[] = []
  while (levels.length < LEVELS) levels.push(above(levels.at(-1) ?? leaf, levels.length))
  return levels
}
