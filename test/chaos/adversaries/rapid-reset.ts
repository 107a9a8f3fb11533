import { line } from '../../helpers/raw/bytes.ts'
import { Flag, Type } from '../../helpers/raw/yamux.ts'
import type { Attack } from './attack.ts'
import { rawOffender, within } from './raw-offender.ts'

const FLOOD_MS = 3000
const SOON_MS = 1000
/** Streams between two looks at whether the connection is still there. */
const BURST = 200

export const attack: Attack = {
  name: 'rapid reset',
  what: 'Opens a stream, asks for a protocol and resets it, as fast as the connection takes it',
  limit: '300 streams a second of a peer, 600 at once, before anything is agreed on',
  result: 'The connection is cut, and the peer charged with overload',
  verdict: { charged: 'overload', banned: false },
  async run(arena) {
    const { muxer } = await rawOffender(arena)
    const endMs = performance.now() + FLOOD_MS
    let opened = 0
    while (performance.now() < endMs && !muxer.wire.isGone) {
      for (let at = 0; at < BURST; at++, opened++) {
        const stream = 1 + 2 * opened
        const ask = Buffer.concat([line('/multistream/1.0.0'), line('/skep/blocks/1.0.0')])
        muxer.frame({ type: Type.data, flags: Flag.syn, stream, length: ask.byteLength }, ask)
        muxer.frame({ type: Type.window, flags: Flag.rst, stream, length: 0 })
      }
      await muxer.wire.drained()
      await new Promise(setImmediate)
    }
    await within(`the connection is cut, after ${opened} streams`, SOON_MS, muxer.gone)
  },
}
