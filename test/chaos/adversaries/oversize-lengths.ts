import { lengthOf } from '../../helpers/raw/bytes.ts'
import { connectRaw } from '../../helpers/raw/raw-peer.ts'
import { knock } from '../../helpers/raw/wire.ts'
import { Flag, Type } from '../../helpers/raw/yamux.ts'
import type { Attack } from './attack.ts'
import { kept, placeOf, protocolsOf, rawOffender, within } from './raw-offender.ts'

const LENGTHS = [2n ** 31n, 2n ** 53n, 2n ** 63n]
/** Soon: a length is read at once, and waited for by nobody. */
const SOON_MS = 3000

export const attack: Attack = {
  name: 'oversize lengths',
  what: 'Announces lines, frames and messages of up to 2^63 bytes',
  limit:
    'A line of 1 KiB, a frame of one window (1 MiB), a message as the protocol table says: read before memory is taken',
  result: 'Reset, and the message charged as a violation',
  verdict: { charged: 'protocol-violation', banned: false },
  async run(arena) {
    for (const length of LENGTHS) {
      const wire = kept(arena, await knock(placeOf(arena)))
      wire.send(lengthOf(length))
      await within(`a line of ${length} bytes is refused`, SOON_MS, wire.gone)
    }

    const muxer = await connectRaw(placeOf(arena))
    kept(arena, muxer.wire)
    muxer.frame({ type: Type.data, flags: Flag.syn, stream: 1, length: 0xffff_ffff })
    for (let sent = 0; sent < 64 && !muxer.wire.isGone; sent++) {
      muxer.wire.send(new Uint8Array(64 * 1024))
      await muxer.wire.drained()
    }
    await within('a frame of 4 GiB is refused', SOON_MS, muxer.gone)

    for (const length of LENGTHS) {
      const offender = await rawOffender(arena)
      const protocols = (await protocolsOf(offender.muxer)).filter(id => id.startsWith('/skep/'))
      for (const protocol of protocols) {
        const stream = offender.muxer.open()
        await stream.speak(protocol)
        stream.send(lengthOf(length))
        await within(`${protocol}: a message of ${length} bytes is refused`, SOON_MS, stream.gone)
      }
    }
  },
}
