import { connectRaw } from '../../helpers/raw/raw-peer.ts'
import type { Attack } from './attack.ts'
import { kept, placeOf } from './raw-offender.ts'

const FLOOD_MS = 2000
/** As much as honest peers may have there at any moment. */
const MAX_HELD_BYTES = 2 * 1024 * 1024
const ECHO_BYTES = 32
const PING = '/ipfs/ping/1.0.0'

export const attack: Attack = {
  name: 'endless data',
  what: 'Sends data for ever, to a stream that it has reset and to one that there never was',
  limit: 'What belongs to no stream is dropped as it comes; who keeps a processor busy is charged',
  result: 'Costs no memory; transfers of others go on',
  verdict: { harmless: true },
  async run(arena) {
    const muxer = await connectRaw(placeOf(arena))
    kept(arena, muxer.wire)
    const reset = muxer.open()
    await reset.speak(PING)
    reset.reset()
    const never = 2 ** 31 - 1
    const bytes = new Uint8Array(64 * 1024)
    const endMs = performance.now() + FLOOD_MS
    while (performance.now() < endMs && !muxer.wire.isGone) {
      reset.send(bytes)
      muxer.frame({ type: 0, flags: 0, stream: never, length: bytes.length }, bytes)
      await muxer.wire.drained()
      await new Promise(setImmediate)
    }
    // What is answered comes after all of it.
    const echo = muxer.open()
    await echo.speak(PING)
    echo.send(new Uint8Array(ECHO_BYTES))
    await echo.take(ECHO_BYTES)
    const held = (await arena.victim.metrics()).get('skep_network_held_bytes') ?? Number.NaN
    if (!(held <= MAX_HELD_BYTES)) throw new Error(`${held} bytes of it are held`)
  },
}
