import type { CID } from 'multiformats/cid'
import type { DagReader } from './dag-reader.ts'
import { contentError } from './errors.ts'
import { hashName, slotsOf } from './shards.ts'
import { type DirectoryLink, type DirectoryNode, type ShardNode, slotPrefix } from './unixfs-node.ts'
import { MAX_DAG_DEPTH } from './walk.ts'

/** The entries of a directory, sharded or not, in the order they are stored in. */
export async function* entriesOf(
  reader: DagReader,
  node: DirectoryNode | ShardNode,
  depth = 0,
): AsyncGenerator<DirectoryLink, void, void> {
  if (node.type === 'directory') {
    yield* node.links
    return
  }
  const slots = reader.ahead(node.links, async (link, ahead) =>
    isShardLink(node, link) ? await loadShard(ahead, link, node, depth) : link,
  )
  for await (const slot of slots) {
    if ('type' in slot) yield* entriesOf(reader, slot, depth + 1)
    else yield { ...slot, name: slot.name.slice(node.prefixLength) }
  }
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

async function loadShard(
  reader: DagReader,
  link: DirectoryLink,
  parent: ShardNode,
  depth: number,
): Promise<ShardNode> {
  if (depth >= MAX_DAG_DEPTH) throw tooDeep(link.cid)
  const node = await reader.load(link.cid, link)
  if (node.type === 'shard' && node.bits === parent.bits) return node
  throw contentError('NOT_UNIXFS', `block ${link.cid} is a ${node.type}, not the shard its parent says it is`)
}

export function tooDeep(cid: CID): Error {
  return contentError('DAG_INVALID', `block ${cid} is over ${MAX_DAG_DEPTH} levels deep`)
}
