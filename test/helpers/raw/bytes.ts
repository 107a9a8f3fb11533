import { encode } from 'uint8-varint'

/** `bytes` behind their length as a varint. */
export function framed(bytes: Uint8Array): Buffer {
  return Buffer.concat([encode(bytes.byteLength), bytes])
}

/** A line of multistream-select. https://github.com/multiformats/multistream-select */
export function line(text: string): Buffer {
  return framed(Buffer.from(`${text}\n`))
}

/** Any length up to 2^64 as a varint: nothing needs to follow it. */
export function lengthOf(bytes: bigint): Buffer {
  const groups: number[] = []
  let rest = bytes
  for (; rest >= 0x80n; rest >>= 7n) groups.push(Number(rest & 0x7fn) | 0x80)
  return Buffer.from([...groups, Number(rest)])
}
