import type { Arbitrary } from 'fast-check'

/** One codec or parser, and what is expected of it. `V`: what is encoded; `D`: what comes out of bytes. */
export interface FuzzTarget<V = unknown, D = unknown> {
  /** kebab-case; also the name of its kept inputs: `test/fixtures/fuzz/<name>/`. */
  readonly name: string
  /** What it calls: `path#export`, or `path#Message` of a schema. */
  readonly covers: readonly string[]
  /** Valid values. Those that fail are shrunk; the rest of the inputs are made of their bytes. */
  readonly values: Arbitrary<V>
  encode(value: V): Uint8Array | Promise<Uint8Array>
  /** Undefined where it says so itself that the bytes are nothing. */
  decode(bytes: Uint8Array): D | undefined | Promise<D | undefined>
  /** What was decoded, as `encode` takes it; undefined where that can't be. Default: as it is. */
  toValue?(decoded: D): V | undefined
  /** What must be the same after encoding and decoding. Default: all of it. */
  meaningOf?(value: V): unknown
  /** Codes of `SkepError`, and names of other errors, that the codec promises. Any other is a crash. */
  readonly mayThrow?: readonly string[]
  /** How its inputs are built, so that damage goes deeper than the first check. Default: any bytes. */
  readonly shape?: Shape
  /** Words of its language, for a text. */
  readonly words?: readonly string[]
  /** Puts right what guards the bytes, such as a checksum, after they were damaged; every other input gets it. */
  mend?(bytes: Uint8Array): Uint8Array
  /** Its reader goes down by recursion: what is too deep for that is refused as anything else is. */
  readonly isRecursive?: boolean
  /** CPU time of one input. Default: {@link MAX_MS} */
  readonly maxMs?: number
  /** Memory taken for one input: so much, and so much more for each of its bytes. */
  readonly maxBytes?: { readonly base: number; readonly perByte: number }
  /** Of the long inputs, which are rare. Default: {@link MAX_INPUT_BYTES} */
  readonly maxInputBytes?: number
}

export type Shape = 'bytes' | 'protobuf' | 'text'

/** What every codec is shown in a test run. */
export const CASES = 100_000

/** A loop over 64 KiB that isn't linear takes longer, and a slow machine doesn't. */
export const MAX_MS = 100

export const MAX_INPUT_BYTES = 64 * 1024

/** Objects of fields of two bytes take a hundred times as much; lengths that are believed take thousands of times. */
export const MAX_BYTES = { base: 256 * 1024, perByte: 400 }

/** What protobuf's reader throws, by name: whoever reads with it makes one error of them all. */
export const PROTOBUF_ERRORS: readonly string[] = ['Error', 'RangeError', 'MaxLengthError']

/** For the list of all: what a target takes is then between it and its own generator. */
export function fuzzTarget<V, D = V>(target: FuzzTarget<V, D>): FuzzTarget {
  return target as unknown as FuzzTarget
}
