import { connectRaw } from '../../helpers/raw/raw-peer.ts'
import { Flag, header, type RawYamux, Type } from '../../helpers/raw/yamux.ts'
import type { Attack } from './attack.ts'
import { kept, placeOf, rawOffender, within } from './raw-offender.ts'

const FLOOD_MS = 2000
const SOON_MS = 5000
/** `bounded-yamux.ts`: so many at once. */
const ALLOWED = 50
/** Little to answer and less to hold: nothing but their number is wrong with them. */
const TOO_MANY = 200

const ping = (number: number): Buffer =>
  header({ type: Type.ping, flags: Flag.syn, stream: 0, length: number })

export const attack: Attack = {
  name: 'ping flood',
  what: 'Sends pings of the muxer, more than it may and then without a pause, reading no answer; and echoes on `/ipfs/ping/1.0.0`',
  limit: '5 pings of the muxer a second, 50 at once; 8 KiB a second of echoes, 512 KiB that wait',
  result: 'The connection is cut; echoes are slowed, then reset and charged as overload',
  verdict: { charged: 'overload', banned: false },
  async run(arena) {
    const opened = async (): Promise<RawYamux> => {
      const muxer = await connectRaw(placeOf(arena))
      kept(arena, muxer.wire)
      return muxer
    }
    const [modest, eager, deaf] = [await opened(), await opened(), await opened()]
    const answers = new Promise<void>(resolve => {
      let count = 0
      modest.onPing(() => {
        count++
        if (count === ALLOWED) resolve()
      })
    })
    for (let number = 0; number < ALLOWED; number++) modest.wire.send(ping(number))
    await within(`${ALLOWED} pings are answered`, SOON_MS, answers)
    // All in one piece, so that they come at once however busy the machine is.
    eager.wire.send(Buffer.concat(Array.from({ length: TOO_MANY }, (_, number) => ping(number))))
    await within(`${TOO_MANY} pings are too many`, SOON_MS, eager.gone)
    if (modest.wire.isGone) throw new Error(`${ALLOWED} pings were too many`)

    const { muxer } = await rawOffender(arena)
    const echo = muxer.open()
    await echo.speak('/ipfs/ping/1.0.0')
    deaf.wire.stall()
    const flood = Buffer.concat(Array.from({ length: 500 }, (_, number) => ping(number)))
    const endMs = performance.now() + FLOOD_MS
    while (performance.now() < endMs || !echo.isGone) {
      arena.signal.throwIfAborted()
      if (!deaf.wire.stream.writableNeedDrain) deaf.wire.send(flood)
      if (!muxer.wire.stream.writableNeedDrain) echo.send(new Uint8Array(32 * 1024))
      await new Promise(setImmediate)
    }
    if (muxer.wire.isGone) throw new Error('the whole connection was cut for its echoes')
    // It has to look to see it.
    deaf.wire.stream.resume()
    await within('who reads no answer is cut off', SOON_MS, deaf.gone)
  },
}
