/** Bytes of a fixed number, by wire type. https://protobuf.dev/programming-guides/encoding/#structure */
const FIXED_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 }
const VARINT = 0
const BYTES = 2

/**
 * How often a protobuf message has `field`, as far as it can be read, and up to one more than `limit`. For messages whose decoder
 * makes an object of each before anybody can count them; what can't be read is the decoder's to complain of.
 */
export function countFields(message: Uint8Array, field: number, limit: number): number {
  let at = 0
  /** However long: a number may be padded. */
  const varint = (): number => {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = message[at++] ?? 0
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 0x80
    }
  }
  let count = 0
  while (at < message.length && count <= limit) {
    const tag = varint()
    if (Math.floor(tag / 8) === field) count++
    const type = tag % 8
    if (type === VARINT) varint()
    else {
      const length = type === BYTES ? varint() : (FIXED_BYTES[type] ?? message.length)
      at += length
    }
  }
  return count
}
