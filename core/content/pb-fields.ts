/** Bytes of a fixed number, by wire type. https://protobuf.dev/programming-guides/encoding/#structure */
const FIXED_BYTES: Readonly<Record<number, number>> = { 1: 8, 5: 4 }
const VARINT = 0
const BYTES = 2

/** How often a protobuf message has `field`, as far as it can be read, and up to one more than `limit`. */
export function countFields(message: Uint8Array, field: number, limit: number): number {
  let count = 0
  for (const at of fieldsOf(message)) if (at.field === field && ++count > limit) break
  return count
}

/** The last `field` of a protobuf message, which is the one that counts, as a message with nothing else; empty where there is none. */
export function onlyField(message: Uint8Array, field: number): Uint8Array {
  let only = new Uint8Array() as Uint8Array
  for (const at of fieldsOf(message)) if (at.field === field) only = message.subarray(at.start, at.end)
  return only
}

interface Field {
  field: number
  start: number
  end: number
}

/**
 * Where the fields of a message are, one after the other in the same object: for messages whose decoder makes an object of each
 * before anybody can count them. What can't be read is the decoder's to complain of.
 */
function* fieldsOf(message: Uint8Array): Generator<Field, void, void> {
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
  const found = { field: 0, start: 0, end: 0 }
  while (at < message.length) {
    found.start = at
    const tag = varint()
    found.field = Math.floor(tag / 8)
    const type = tag % 8
    if (type === VARINT) varint()
    else {
      const length = type === BYTES ? varint() : (FIXED_BYTES[type] ?? message.length)
      at += length
    }
    found.end = at
    yield found
  }
}
