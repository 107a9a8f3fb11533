import { connectRaw } from '../../helpers/raw/raw-peer.ts'
import { Flag, Type } from '../../helpers/raw/yamux.ts'
import type { Attack } from './attack.ts'
import { kept, placeOf, rawOffender, within } from './raw-offender.ts'

const FLOOD_MS = 2000
const SOON_MS = 2000
const BURST = 500

export const attack: Attack = {
  name: 'ping flood',
  what: 'Sends pings of the muxer and on `/ipfs/ping/1.0.0` without a pause, and reads no answer',
  limit: '5 pings of the muxer a second, 50 at once; 8 KiB a second of echoes',
  result: 'The connection is cut; echoes are slowed, then reset and charged as overload',
  verdict: { charged: 'overload', banned: false },
  async run(arena) {
    const [reader, deaf] = [await connectRaw(placeOf(arena)), await connectRaw(placeOf(arena))]
    for (const { wire } of [reader, deaf]) kept(arena, wire)
    const echo = await rawOffender(arena)
    const ping = echo.muxer.open()
    await ping.speak('/ipfs/ping/1.0.0')
    deaf.wire.stall()
    const endMs = performance.now() + FLOOD_MS
    const pings = Buffer.concat(
      Array.from({ length: BURST }, () => Buffer.from([0, Type.ping, 0, Flag.syn, 0, 0, 0, 0, 0, 0, 0, 7])),
    )
    while (performance.now() < endMs) {
      for (const { wire } of [reader, deaf]) if (!wire.stream.writableNeedDrain) wire.send(pings)
      if (!echo.muxer.wire.stream.writableNeedDrain) ping.send(new Uint8Array(32 * 1024))
      await new Promise(setImmediate)
    }
    await within('who pings all the time is cut off', SOON_MS, reader.gone)
    // It has to look to see it.
    deaf.wire.stream.resume()
    await within('who reads no answer, too', SOON_MS, deaf.gone)
  },
}
