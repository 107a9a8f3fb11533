import { randomBytes } from 'node:crypto'
import { framed } from '../../helpers/raw/bytes.ts'
import { connectRaw } from '../../helpers/raw/raw-peer.ts'
import type { Attack } from './attack.ts'
import { kept, placeOf, protocolsOf, rawOffender, within } from './raw-offender.ts'

const SOON_MS = 12_000
/** Of ours, those that read what a stranger sends, and of what is no message say so. */
const READING = ['/skep/peers/1.0.0', '/skep/blocks/1.0.0', '/skep/fleet/1.0.0', '/skep/lane/1.0.0']

/** A field of protobuf: https://protobuf.dev/programming-guides/encoding/ */
const field = (number: number, wireType: number, ...bytes: number[]): number[] => [
  (number << 3) | wireType,
  ...bytes,
]
const nested = (depth: number): number[] => (depth === 0 ? [] : field(1, 2, 0x7f, ...nested(depth - 1)))

/** None of them is a message of any protocol. */
const MALFORMED: readonly Uint8Array[] = [
  // Longer than what there is.
  Uint8Array.from(field(1, 2, 0xff, 0xff, 0xff, 0xff, 0x0f)),
  Uint8Array.from(field(1, 2, 0x7f)),
  Uint8Array.from(nested(100)),
  // Wire types that there are none of.
  Uint8Array.from([...field(1, 6), ...field(2, 7)]),
  // A varint of more than ten bytes.
  Uint8Array.from(field(1, 0, ...Array.from({ length: 12 }, () => 0xff), 1)),
  // A group that never ends.
  Uint8Array.from(Array.from({ length: 200 }, () => 0x0b)),
  Uint8Array.from(randomBytes(512)).fill(0xff, 0, 16),
]

export const attack: Attack = {
  name: 'malformed messages',
  what: 'Sends what is no message, made up and random, to every protocol that the node speaks',
  limit: 'Bounded decoders; each protocol resets what it cannot read',
  result: 'Reset, and charged as a violation by our own protocols',
  verdict: { charged: 'protocol-violation', banned: false },
  async run(arena) {
    const reader = await connectRaw(placeOf(arena))
    kept(arena, reader.wire)
    const all = await protocolsOf(reader)
    for (const [at, bytes] of MALFORMED.entries()) {
      const { muxer } = await rawOffender(arena)
      // Each message to one of ours; the others get all in turn.
      const ours = READING.filter(id => all.includes(id))
      const stream = muxer.open()
      await stream.speak(ours[at % ours.length] as string)
      stream.send(framed(bytes))
      stream.finish()
      await within('it is reset', SOON_MS, stream.gone)
    }
    const theirs = all.filter(id => !id.startsWith('/skep/'))
    for (const id of theirs) {
      const muxer = await connectRaw(placeOf(arena))
      for (const bytes of MALFORMED) {
        const stream = muxer.open()
        if (!(await stream.speak(id).catch(() => false))) break
        stream.send(framed(bytes))
        stream.finish()
      }
      muxer.wire.destroy()
    }
  },
}
