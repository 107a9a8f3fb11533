import * as dagPb from '@ipld/dag-pb'
import { murmur364 } from '@multiformats/murmur3'
import { CID } from 'multiformats/cid'
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
  const value = numberOf(hash)
  return Array.from({ length: shardLevels(bits) }, (_, level) => slotAt(value, bits, level))
}

/** How deep shards with slots of `bits` can be. */
export function shardLevels(bits: number): number {
  return Math.floor(HASH_BITS / bits)
}

const HASH_BITS = 64

function numberOf(hash: Uint8Array): bigint {
  return Buffer.from(hash).readBigUInt64BE()
}

function slotAt(hash: bigint, bits: number, level: number): number {
  return Number(BigInt.asUintN(bits, hash >> BigInt(HASH_BITS - (level + 1) * bits)))
}

/** An entry as it waits in memory, with the bytes of its CID: CID objects are ten times as big. */
export interface WaitingEntry {
  readonly cid: Uint8Array
  readonly totalBytes: number
}

interface Placed {
  readonly name: string
  readonly entry: WaitingEntry
  readonly hash: bigint
}

interface ShardOptions {
  readonly bits: number
  readonly attributes: EntryAttributes
}

/** Writes a directory as a hash trie: an entry lies in the first shard where it has its slot for itself. */
export async function writeShards(
  entries: Iterable<readonly [name: string, entry: WaitingEntry]>,
  options: ShardOptions,
  writer: BlockWriter,
): Promise<MadeLink> {
  const placed: Placed[] = []
  for (const [name, entry] of entries) placed.push({ name, entry, hash: numberOf(await hashName(name)) })
  return writeShard(placed, 0, options, writer)
}

async function writeShard(
  placed: readonly Placed[],
  level: number,
  { bits, attributes }: ShardOptions,
  writer: BlockWriter,
): Promise<MadeLink> {
  const taken: (MadeLink & { readonly name: string; readonly slot: number })[] = []
  const groups = [...groupBySlot(placed, bits, level)].sort(([one], [other]) => one - other)
  for (const [slot, group] of groups) {
    const [only] = group
    if (only && group.length === 1) {
      const { name, entry } = only
      taken.push({ name, slot, cid: CID.decode(entry.cid), totalBytes: entry.totalBytes })
    } else {
      const shard = await writeShard(group, level + 1, { bits, attributes: {} }, writer)
      taken.push({ ...shard, name: '', slot })
    }
  }
  const block = encodeShard(taken, bits, attributes)
  const cid = await writer.write(dagPb.code, block)
  return { cid, totalBytes: taken.reduce((sum, link) => sum + link.totalBytes, block.length) }
}

/** @throws SkepError ENTRY_INVALID where the hashes of two names are the same to the last slot */
function groupBySlot(placed: readonly Placed[], bits: number, level: number): Map<number, Placed[]> {
  if ((level + 1) * bits > HASH_BITS) {
    const names = placed.map(({ name }) => `'${name}'`).join(' and ')
    throw contentError(
      'ENTRY_INVALID',
      `the hashes of ${names} are the same, and no shard can tell them apart`,
    )
  }
  const groups = new Map<number, Placed[]>()
  for (const one of placed) {
    const slot = slotAt(one.hash, bits, level)
    const group = groups.get(slot)
    if (group) group.push(one)
    else groups.set(slot, [one])
  }
  return groups
}
