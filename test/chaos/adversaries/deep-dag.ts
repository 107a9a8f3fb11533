import { CID } from 'multiformats/cid'
import type { Attack } from './attack.ts'
import { directory, forge, holderOf, RAW, refused, TYPE } from './forge.ts'

/** More than `MAX_DAG_DEPTH` of core/content/walk.ts. */
const LEVELS = 2_200

export const attack: Attack = {
  name: 'deep DAG',
  what: `Gives out directories within directories, ${LEVELS.toLocaleString('en')} levels deep, for getting and for pinning`,
  limit: '2,048 levels of a DAG',
  result: 'Refused with DAG_INVALID; nothing recurses',
  verdict: { harmless: true },
  async run(arena) {
    const { victim, signal } = arena
    const levels = [directory({})]
    while (levels.length < LEVELS) levels.push(directory({ down: levels.at(-1)?.cid as CID }))
    // Level by level each is a round trip and a flush, for which nobody waits: they come all at once, as leaves of one directory.
    const links = levels.map(({ cid, bytes }, at) => ({
      name: `${at}`,
      cid: CID.createV1(RAW, cid.multihash),
      totalBytes: BigInt(bytes.length),
    }))
    const flat = forge({ type: TYPE.directory, links })
    await holderOf(arena, [flat, ...levels])
    await victim.pin(String(flat.cid), signal)
    const root = String(levels.at(-1)?.cid)
    await Promise.all([
      refused('a pin', ['DAG_INVALID'], () => victim.pin(root, signal)),
      refused('an archive', ['DAG_INVALID'], () => victim.export(root, { signal })),
    ])
  },
}
