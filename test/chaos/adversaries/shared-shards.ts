import type { TestBlock } from '../../unit/exchange/fixture.ts'
import type { Attack } from './attack.ts'
import { blockOf, type ForgedLink, forge, holderOf, RAW, refused, TYPE } from './forge.ts'

const SLOTS = 256
const LEVELS = 8
const MURMUR = 0x22n

export const attack: Attack = {
  name: 'shared shards',
  what: `Gives out sharded directories in which each of ${SLOTS} slots has the same shard, ${LEVELS} and 100 levels deep: entries without end, or none`,
  limit:
    'An entry has to be in the slots of its name, a slot is there once, a shard is not empty, 64 bits of levels',
  result: 'Refused with NOT_UNIXFS or DAG_INVALID after the first entries',
  verdict: { harmless: true },
  async run(arena) {
    const { victim, signal } = arena
    const leaf = blockOf(RAW, Buffer.from('leaf'))
    const shard = (links: readonly ForgedLink[]): TestBlock =>
      forge({
        type: TYPE.shard,
        hashType: MURMUR,
        fanout: BigInt(SLOTS),
        data: new Uint8Array(32).fill(255),
        links,
      })
    const all = ({ cid }: TestBlock) => slots().map(name => ({ name, cid }))
    const lies = {
      'entries in every slot': [shard(slots().map(slot => ({ name: `${slot}same`, cid: leaf.cid })))],
      'one slot often': [
        shard(Array.from({ length: SLOTS }, (_, at) => ({ name: `00${at}`, cid: leaf.cid }))),
      ],
      'shards without entries': [shard([])],
      'shards beneath shards': [shard([{ name: '00x', cid: leaf.cid }])],
      'no slots': [shard([{ name: 'zz', cid: leaf.cid }])],
    }
    for (const [what, levels] of Object.entries(lies)) {
      const depth = what === 'shards beneath shards' ? 100 : LEVELS
      while (levels.length < depth) levels.push(shard(all(levels.at(-1) ?? leaf)))
    }
    await holderOf(arena, [leaf, ...Object.values(lies).flat()])
    for (const [what, levels] of Object.entries(lies)) {
      const root = String(levels.at(-1)?.cid)
      const codes = ['NOT_UNIXFS', 'DAG_INVALID']
      await refused(`list of ${what}`, codes, () => victim.list(root, { limit: SLOTS ** 2, signal }))
      await refused(`get of ${what}`, codes, () => victim.export(root, { signal }))
    }
  },
}

function slots(): string[] {
  return Array.from({ length: SLOTS }, (_, slot) => slot.toString(16).toUpperCase().padStart(2, '0'))
}
