import * as dagPb from '@ipld/dag-pb'
import { murmur364 } from '@multiformats/murmur3'
import type { BlockWriter } from './block-writer.ts'
import type { EntryAttributes } from './content.ts'
import { contentError } from './errors.ts'
import { encodeShard, type MadeLink } from './unixfs-node.ts'

/** The hash that places a name in a sharded directory: eight bytes. https://specs.ipfs.tech/unixfs/#hamt-structure-and-parameters */
export async function hashName(name: string): Promise<Uint8Array> {
  return murmur364.encode(new TextEncoder().encode(name))
}

/** A hash cut into slots of `bits`, highest bit first; what is left over picks none. */
export function slotsOf(hash: Uint8Array, bits: number): number[] {
  const value = Buffer.from(hash).readBigUInt64BE()
  const count = Math.floor(64 / bits)
  return Array.from({ length: count }, (_, level) =>
    Number(BigInt.asUintN(bits, value >> BigInt(64 - (level + 1) * bits))),
  )
}

type NamedLink = MadeLink & { readonly name: string }

interface Placed {
  readonly link: NamedLink
  readonly slots: readonly number[]
}

interface ShardOptions {
  readonly bits: number
  readonly attributes: EntryAttributes
}

/** Writes a directory as a hash trie: an entry lies in the first shard where it has its slot for itself. */
export async function writeShards(
  links: readonly NamedLink[],
  { bits, attributes }: ShardOptions,
  writer: BlockWriter,
): Promise<MadeLink> {
  const placed: Placed[] = []
  for (const link of links) placed.push({ link, slots: slotsOf(await hashName(link.name), bits) })
  return writeShard(placed, 0, { bits, attributes }, writer)
}

async function writeShard(
  placed: readonly Placed[],
  level: number,
  { bits, attributes }: ShardOptions,
  writer: BlockWriter,
): Promise<MadeLink> {
  const taken: (NamedLink & { readonly slot: number })[] = []
  for (const [slot, entries] of [...groupBySlot(placed, level)].sort(([one], [other]) => one - other)) {
    const [only] = entries
    if (only && entries.length === 1) taken.push({ ...only.link, slot })
    else {
      const shard = await writeShard(entries, level + 1, { bits, attributes: {} }, writer)
      taken.push({ ...shard, name: '', slot })
    }
  }
  const block = encodeShard(taken, bits, attributes)
  const cid = await writer.write(dagPb.code, block)
  return { cid, totalBytes: taken.reduce((sum, link) => sum + link.totalBytes, block.length) }
}

function groupBySlot(placed: readonly Placed[], level: number): Map<number, Placed[]> {
  const groups = new Map<number, Placed[]>()
  for (const entry of placed) {
    const slot = entry.slots[level]
    if (slot === undefined) {
      throw contentError('ENTRY_INVALID', `the hash of '${entry.link.name}' is that of another name`)
    }
    const group = groups.get(slot)
    if (group) group.push(entry)
    else groups.set(slot, [entry])
  }
  return groups
}
