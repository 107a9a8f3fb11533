import { CID } from 'multiformats/cid'

/** Major types of RFC 8949 that have a meaning here: https://www.rfc-editor.org/rfc/rfc8949#section-3.1 */
const MAJOR = { bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const

/** The tag of a CID, the only one that DAG-CBOR has. https://ipld.io/specs/codecs/dag-cbor/spec/#links */
const CID_TAG = 42

/** Bytes of a number behind its head, by the head's low five bits; smaller ones are the number. */
const NUMBER_BYTES: Readonly<Record<number, number>> = { 24: 1, 25: 2, 26: 4, 27: 8 }

/** `false`, `true` and `null`, and numbers of 16, 32 and 64 bits. */
const SIMPLE = new Set([20, 21, 22, 25, 26, 27])

/**
 * The CIDs in a DAG-CBOR block, in order. Skims over everything else: a decoder makes a value of each of the two million empty
 * lists that fit into a block, which takes seconds and hundreds of megabytes.
 *
 * @throws Error where the block is no CBOR, or has in it what DAG-CBOR hasn't
 */
export function* cborLinks(bytes: Uint8Array): Generator<CID, void, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  /** Items that are still to come: a list of a list needs no more memory than this. */
  let pending = 1
  let isLink = false

  const number = (low: number): number => {
    if (low < 24) return low
    const length = NUMBER_BYTES[low]
    if (length === undefined) throw new Error(`what begins at byte ${at - 1} has no definite length`)
    const from = at
    at += length
    if (length === 1) return view.getUint8(from)
    if (length === 2) return view.getUint16(from)
    if (length === 4) return view.getUint32(from)
    return Number(view.getBigUint64(from))
  }

  while (pending > 0) {
    // Each is a byte at least.
    if (pending > bytes.length - at)
      throw new Error(`${pending} more items are to be in ${bytes.length - at} bytes`)
    const head = view.getUint8(at++)
    const [major, low] = [head >> 5, head & 31]
    pending--
    if (isLink && major !== MAJOR.bytes) throw new Error('a CID has to be bytes')
    const value = number(low)
    switch (major) {
      case MAJOR.bytes:
      case MAJOR.text: {
        if (value > bytes.length - at) throw new Error(`${value} bytes are to be in ${bytes.length - at}`)
        if (isLink) yield cidIn(bytes.subarray(at, at + value))
        isLink = false
        at += value
        break
      }
      case MAJOR.array:
        pending += value
        break
      case MAJOR.map:
        pending += 2 * value
        break
      case MAJOR.tag:
        if (value !== CID_TAG) throw new Error(`tag ${value} is none of DAG-CBOR`)
        isLink = true
        pending++
        break
      case MAJOR.simple:
        if (!SIMPLE.has(low)) throw new Error(`simple value ${value} is none of DAG-CBOR`)
    }
  }
  if (at < bytes.length) throw new Error(`${bytes.length - at} bytes are left over`)
}

/** Behind a byte that says that it is binary. */
function cidIn(bytes: Uint8Array): CID {
  if (bytes[0] !== 0) throw new Error('a CID has to begin with a zero')
  return CID.decode(bytes.subarray(1))
}
