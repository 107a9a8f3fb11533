import type { CID } from 'multiformats/cid'
import type { TestBlock } from '../../unit/exchange/fixture.ts'
import type { Attack } from './attack.ts'
import { blockOf, forge, holderOf, RAW, refused, TYPE } from './forge.ts'

const LEVELS = 16
/** Some 1.9 MB of links, in a block of 2 MiB. */
const LINKS = 38_000

export const attack: Attack = {
  name: 'wide and deep',
  what: `Gives out ${LEVELS} directories within each other, each with ${LINKS.toLocaleString('en')} entries`,
  limit:
    '65,536 links in all the directories that a reader is within; what is read ahead is decoded when its turn comes',
  result: 'Refused with DAG_INVALID at the second level',
  verdict: { harmless: true },
  async run(arena) {
    const { victim, signal } = arena
    const leaf = blockOf(RAW, Buffer.from('leaf'))
    const many = Array.from({ length: LINKS }, (_, at) => ({ name: `${at}`, cid: leaf.cid, totalBytes: 4n }))
    const over = (below: CID): TestBlock =>
      forge({ type: TYPE.directory, links: [{ name: 'down', cid: below }, ...many] })
    const levels = [over(leaf.cid)]
    while (levels.length < LEVELS) levels.push(over(levels.at(-1)?.cid as CID))
    await holderOf(arena, [leaf, ...levels])
    const root = String(levels.at(-1)?.cid)
    await refused('get', ['DAG_INVALID'], () => victim.export(root, { signal }))
    const names = await victim.list(root, { limit: 100, signal })
    if (names.length < 100) throw new Error(`${names.length} entries listed`)
  },
}
