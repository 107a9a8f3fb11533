import type { CID } from 'multiformats/cid'
import * as varint from 'uint8-varint'
import { cidOf } from '../../../core/content/hashes.ts'
import { isSkepError } from '../../../core/errors.ts'
import type { TestBlock } from '../../unit/exchange/fixture.ts'
import type { TestNode } from '../../unit/network/nodes.ts'
import { deliver, pretender } from '../exchange/script.ts'
import type { Arena } from './arena.ts'

export const RAW = 0x55
export const DAG_PB = 0x70
export const DAG_CBOR = 0x71
export const DAG_JSON = 0x0129

/** What a link says is beneath it unless told otherwise: too little would have each block asked for twice. */
const CLAIMED_BYTES = 2n ** 20n

/** UnixFS types, as the specification numbers them. https://specs.ipfs.tech/unixfs/#data-field */
export const TYPE = { directory: 1, file: 2, symlink: 4, shard: 5 } as const

export interface ForgedLink {
  /** Bytes, as no encoder would write them; text as UTF-8. */
  readonly name?: string | Uint8Array
  readonly cid: CID
  /** What it says is beneath it. */
  readonly totalBytes?: bigint
}

export interface ForgedNode {
  readonly type: number
  readonly data?: Uint8Array | string
  readonly fileSize?: bigint
  readonly blockSizes?: readonly bigint[]
  readonly hashType?: bigint
  readonly fanout?: bigint
  readonly links?: readonly ForgedLink[]
}

export function blockOf(codec: number, bytes: Uint8Array): TestBlock {
  return { cid: cidOf(codec, bytes), bytes }
}

/** A UnixFS node with whatever it is told to say: nothing is sorted, checked or summed up. */
export function forge({
  type,
  data,
  fileSize,
  blockSizes = [],
  hashType,
  fanout,
  links = [],
}: ForgedNode): TestBlock {
  const unixfs = Buffer.concat([
    numberField(1, BigInt(type)),
    ...(data === undefined ? [] : [bytesField(2, data)]),
    ...(fileSize === undefined ? [] : [numberField(3, fileSize)]),
    ...blockSizes.map(size => numberField(4, size)),
    ...(hashType === undefined ? [] : [numberField(5, hashType)]),
    ...(fanout === undefined ? [] : [numberField(6, fanout)]),
  ])
  const encoded = links.map(({ name = '', cid, totalBytes = CLAIMED_BYTES }) =>
    bytesField(2, Buffer.concat([bytesField(1, cid.bytes), bytesField(2, name), numberField(3, totalBytes)])),
  )
  return blockOf(DAG_PB, Buffer.concat([...encoded, bytesField(1, unixfs)]))
}

export function directory(entries: Readonly<Record<string, CID>>): TestBlock {
  const links = Object.entries(entries).map(([name, cid]) => ({ name, cid }))
  return forge({ type: TYPE.directory, links })
}

function numberField(field: number, value: bigint): Uint8Array {
  const bytes = [field << 3]
  let rest = BigInt.asUintN(64, value)
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return Uint8Array.of(...bytes, Number(rest))
}

function bytesField(field: number, value: Uint8Array | string): Uint8Array {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([Uint8Array.of((field << 3) | 2), varint.encode(bytes.length), bytes])
}

/** A stranger that has `blocks`, all of them what their names say, and gives them to whoever asks. */
export function holderOf(arena: Arena, blocks: readonly TestBlock[]): Promise<TestNode> {
  return arena.peer({ serve: pretender(blocks, deliver) })
}

/** Throws where `ask` isn't refused with one of `codes`. */
export async function refused(
  what: string,
  codes: readonly string[],
  ask: () => Promise<unknown>,
): Promise<void> {
  let answer: unknown
  try {
    answer = await ask()
  } catch (error) {
    if (isSkepError(error) && codes.includes(error.code)) return
    throw new Error(`${what}: expected ${codes.join(' or ')}`, { cause: error })
  }
  throw new Error(`${what}: was taken, ${JSON.stringify(answer)?.slice(0, 100)}`)
}
