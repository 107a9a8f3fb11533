import type { Stream } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'

/** What a piece of memory costs beside its bytes: the objects that describe it. */
export const PIECE_BYTES = 256

/** What of a stream's buffers isn't public. */
interface Buffers {
  readonly readBuffer: Uint8ArrayList
  readonly writeBuffer: Uint8ArrayList
}

const keepers = new WeakMap<object, () => number>()

/** Whoever takes bytes from `stream` and keeps them until they are read says how many these are. */
export function keepsBytesOf(stream: Stream, bytes: () => number): void {
  keepers.set(stream, bytes)
}

/** Memory that `stream` holds, both ways: its buffers, and what was taken from it and not read yet. */
export function heldBytes(stream: object): number {
  const { readBuffer, writeBuffer } = stream as Buffers
  return weightOf(readBuffer) + weightOf(writeBuffer) + (keepers.get(stream)?.() ?? 0)
}

/** Bytes of a list, with what its pieces cost. */
function weightOf(list: Uint8ArrayList): number {
  const { bufs } = list as unknown as { readonly bufs: readonly Uint8Array[] }
  return list.byteLength + bufs.length * PIECE_BYTES
}
