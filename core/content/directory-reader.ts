import type { CID } from 'multiformats/cid'
import type { DagReader } from './dag-reader.ts'
import { contentError } from './errors.ts'
import { hashName, shardLevels, slotsOf } from './shards.ts'
import { type DirectoryLink, type DirectoryNode, type ShardNode, slotPrefix } from './unixfs-node.ts'
import { MAX_DAG_DEPTH } from './walk.ts'

/**
 * The entries of a directory, sharded or not, in the order they are stored in.
 *
 * Each entry of a shard has to be where its name belongs, and each slot is there once: shards that are shared, each with the same
 * one in many of its slots, would have entries without end.
 *
 * @throws SkepError NOT_UNIXFS, and those of the reader
 */
export async function* entriesOf(
  reader: DagReader,
  node: DirectoryNode | ShardNode,
  above: readonly number[] = [],
): AsyncGenerator<DirectoryLink, void, void> {
  if (node.type === 'directory') {
    yield* node.links
    return
  }
  const seen = new Set<number>()
  const slots = reader.ahead(node.links, async (link, ahead) => {
    const slot = slotOf(link, node)
    if (seen.has(slot)) throw misplaced(link, 'its slot is there twice')
    seen.add(slot)
    const place = [...above, slot]
    if (isShardLink(node, link)) return { place, shard: await loadShard(ahead, link, node, above.length) }
    const name = link.name.slice(node.prefixLength)
    const belongs = slotsOf(await hashName(name), node.bits)
    if (place.some((slot, level) => slot !== belongs[level]))
      throw misplaced(link, 'its name belongs elsewhere')
    return { place, link: { ...link, name } }
  })
  for await (const { place, shard, link } of slots) {
    if (shard) yield* entriesOf(reader, shard, place)
    else if (link) yield link
  }
}

/** How many links `entriesOf` a directory holds at a time, at most. */
export function linksHeld(node: DirectoryNode | ShardNode): number {
  return node.type === 'directory' ? node.links.length : shardLevels(node.bits) * 2 ** node.bits
}

/** The entry called `name`, read from as few shards as it takes. */
export async function findEntry(
  reader: DagReader,
  node: DirectoryNode | ShardNode,
  name: string,
): Promise<DirectoryLink | undefined> {
  if (node.type === 'directory') return node.links.find(link => link.name === name)
  const slots = slotsOf(await hashName(name), node.bits)
  let shard = node
  for (const [depth, slot] of slots.entries()) {
    const prefix = slotPrefix(slot, shard.prefixLength)
    const link = shard.links.find(other => other.name === prefix || other.name === prefix + name)
    if (!link) return undefined
    if (link.name !== prefix) return { ...link, name }
    shard = await loadShard(reader, link, shard, depth)
  }
  return undefined
}

function isShardLink({ prefixLength }: ShardNode, { name }: DirectoryLink): boolean {
  return name.length === prefixLength
}

/** @throws SkepError NOT_UNIXFS */
function slotOf(link: DirectoryLink, { bits, prefixLength }: ShardNode): number {
  const prefix = link.name.slice(0, prefixLength)
  const slot = Number.parseInt(prefix, 16)
  if (slot < 2 ** bits && slotPrefix(slot, prefixLength) === prefix) return slot
  throw misplaced(link, 'it has no slot')
}

function misplaced({ name }: DirectoryLink, why: string): Error {
  return contentError('NOT_UNIXFS', `a shard of a directory has the entry ${JSON.stringify(name)}: ${why}`)
}

async function loadShard(
  reader: DagReader,
  link: DirectoryLink,
  parent: ShardNode,
  depth: number,
): Promise<ShardNode> {
  const node = await reader.load(link.cid, link)
  if (node.type !== 'shard' || node.bits !== parent.bits) {
    const message = `block ${link.cid} is a ${node.type}, not the shard its parent says it is`
    throw contentError('NOT_UNIXFS', message)
  }
  if (node.links.length === 0)
    throw contentError('NOT_UNIXFS', `block ${link.cid} is a shard without entries`)
  if (depth + 1 >= shardLevels(node.bits)) throw tooDeep(link.cid, shardLevels(node.bits))
  return node
}

export function tooDeep(cid: CID, levels = MAX_DAG_DEPTH): Error {
  return contentError('DAG_INVALID', `block ${cid} is over ${levels} levels deep`)
}
