import { MAX_BLOCK_BYTES } from '../../../core/content/hashes.ts'
import type { Attack } from './attack.ts'
import { blockOf, DAG_CBOR, DAG_JSON, DAG_PB, holderOf, refused } from './forge.ts'

/** A list of so many items that each fits into a byte. */
const LIST_HEAD_BYTES = 5

export const attack: Attack = {
  name: 'decode bombs',
  what: 'Gives out blocks of 2 MiB with a million links, sizes, lists or maps in them, for pinning and for reading',
  limit:
    'Links are skimmed without making values of the rest; 65,536 links and sizes a block; 128 bytes inlined in a link',
  result: 'Refused with DAG_INVALID or NOT_UNIXFS, or pinned, within milliseconds instead of seconds a block',
  verdict: { harmless: true },
  async run(arena) {
    const { victim, signal } = arena
    const links = {
      empty: blockOf(DAG_PB, repeated([0x12, 0])),
      inlined: blockOf(DAG_PB, repeated([0x12, 6, 0x0a, 4, 1, 0x55, 0, 0])),
      nested: blockOf(DAG_CBOR, repeated([0x81])),
    }
    const sizes = blockOf(
      DAG_PB,
      dataOf(Buffer.concat([Buffer.from([8, 2]), repeated([0x20, 0], MAX_BLOCK_BYTES - 16)])),
    )
    const sound = [0x80, 0xa0].map(item => blockOf(DAG_CBOR, listOf(item)))
    const json = blockOf(DAG_JSON, Buffer.from(`[${'[],'.repeat(MAX_BLOCK_BYTES / 4)}[]]`))
    await holderOf(arena, [...Object.values(links), sizes, ...sound, json])
    for (const [what, { cid }] of Object.entries(links)) {
      await refused(`pin of ${what} links`, ['DAG_INVALID'], () => victim.pin(String(cid), signal))
      await refused(`cat of ${what} links`, ['NOT_UNIXFS'], () => victim.cat(String(cid), signal))
    }
    await refused('sizes', ['NOT_UNIXFS'], () => victim.cat(String(sizes.cid), signal))
    await Promise.all([...sound, json].map(({ cid }) => victim.pin(String(cid), signal)))
  },
}

function repeated(unit: readonly number[], bytes = MAX_BLOCK_BYTES): Buffer {
  return Buffer.alloc(bytes - (bytes % unit.length), Uint8Array.from(unit))
}

function listOf(item: number): Buffer {
  const count = MAX_BLOCK_BYTES - LIST_HEAD_BYTES
  const head = Buffer.from([0x9a, 0, 0, 0, 0])
  head.writeUInt32BE(count, 1)
  return Buffer.concat([head, repeated([item], count)])
}

/** As the data of a dag-pb node; its length takes four bytes. */
function dataOf(unixfs: Buffer): Buffer {
  const { length } = unixfs
  const varint = [0, 7, 14].map(shift => ((length >> shift) & 0x7f) | 0x80)
  return Buffer.concat([Uint8Array.of(0x0a, ...varint, length >> 21), unixfs])
}
