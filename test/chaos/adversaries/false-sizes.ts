import type { Attack } from './attack.ts'
import { blockOf, directory, type ForgedNode, forge, holderOf, RAW, refused, TYPE } from './forge.ts'

const LEAF_BYTES = 1000
const HUGE = 2n ** 63n

export const attack: Attack = {
  name: 'false sizes',
  what: 'Gives out files whose nodes lie about sizes: 2^63, negative, too many, too few, more or less than there is',
  limit: 'Numbers up to 2^53; a part has to be as long as its parent says; memory by what has come',
  result: 'Refused with NOT_UNIXFS; nothing is allocated for a claim',
  verdict: { harmless: true },
  async run(arena) {
    const { victim, signal } = arena
    const leaf = blockOf(RAW, new Uint8Array(LEAF_BYTES))
    const link = { cid: leaf.cid, totalBytes: BigInt(LEAF_BYTES) }
    const file = (lie: Partial<ForgedNode>) => forge({ type: TYPE.file, links: [link], ...lie })
    const lies = {
      'a part of 2^63 bytes': file({ blockSizes: [HUGE], fileSize: HUGE }),
      'a part of -1 bytes': file({ blockSizes: [-1n], fileSize: -1n }),
      'parts that add up to over 2^53': file({
        blockSizes: [2n ** 53n - 1n, 2n ** 53n - 1n],
        links: [link, link],
      }),
      'a longer part': file({ blockSizes: [BigInt(LEAF_BYTES + 1)] }),
      'a shorter part': file({ blockSizes: [BigInt(LEAF_BYTES - 1)] }),
      'a part of a terabyte': file({ blockSizes: [2n ** 40n] }),
      'more sizes than parts': file({ blockSizes: [BigInt(LEAF_BYTES), 1n] }),
      'no sizes': file({ blockSizes: [] }),
      'a type that there is not': file({ type: 77 }),
      'a directory as a part': forge({
        type: TYPE.file,
        links: [{ cid: directory({}).cid }],
        blockSizes: [BigInt(LEAF_BYTES)],
      }),
      'a shard of 2^40 slots': forge({ type: TYPE.shard, hashType: 0x22n, fanout: 2n ** 40n, data: 'x' }),
    }
    // Links lie as well: a claim of what is beneath bounds what is fetched, and costs a second fetch at the most.
    const claims = directory({ honest: leaf.cid })
    const claimed = [0n, 1n, HUGE, -1n].map(totalBytes =>
      forge({ type: TYPE.directory, links: [{ name: 'leaf', cid: leaf.cid, totalBytes }] }),
    )
    // Who lists a directory is told sizes, and reads no parts.
    const huge = Object.entries(lies).filter(([lie]) => lie.includes('2^53') || lie.includes('2^63'))
    const listed = huge.map(([, { cid }]) => directory({ huge: cid }))
    await holderOf(arena, [leaf, directory({}), claims, ...listed, ...claimed, ...Object.values(lies)])
    for (const [lie, { cid }] of Object.entries(lies))
      await refused(lie, ['NOT_UNIXFS'], () => victim.cat(String(cid), signal))
    for (const { cid } of listed)
      await refused('a list of it', ['NOT_UNIXFS'], () => victim.list(String(cid), { signal }))
    for (const { cid } of claimed) {
      const { length } = await victim.cat(`${cid}/leaf`, signal)
      if (length !== LEAF_BYTES) throw new Error(`${length} bytes of ${LEAF_BYTES}`)
    }
  },
}
