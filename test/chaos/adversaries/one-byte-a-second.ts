import { setTimeout as wait } from 'node:timers/promises'
import { Question } from '../../../plugins/discovery/wire/peers.js'
import { lengthOf, line } from '../../helpers/raw/bytes.ts'
import { connectRaw, knockForTls } from '../../helpers/raw/raw-peer.ts'
import { knock } from '../../helpers/raw/wire.ts'
import type { RawStream } from '../../helpers/raw/yamux.ts'
import type { Attack } from './attack.ts'
import { kept, placeOf, untilEnd } from './raw-offender.ts'

const PEERS = '/skep/peers/1.0.0'

export const attack: Attack = {
  name: 'one byte a second',
  what: 'Sends a handshake, a negotiation and a message a byte a second, and asks without ever ending a request',
  limit:
    'Ten seconds for handshake and negotiation; a frame has to move at 512 bytes a second beyond its idle time',
  result: 'Cut off, and charged as a timeout where others were heard meanwhile',
  verdict: { harmless: true },
  async run(arena) {
    const slowly = async (what: string, send: (byte: Uint8Array) => void, gone: Promise<unknown>) => {
      let isGone = false
      const cut = untilEnd(arena, `${what} is cut off`, gone).finally(() => {
        isGone = true
      })
      const greeting = line('/multistream/1.0.0')
      for (let at = 0; !isGone; at = (at + 1) % greeting.length) {
        send(greeting.subarray(at, at + 1))
        await Promise.race([wait(1000), cut.catch(() => {})])
      }
      await cut
    }
    const early = kept(arena, await knock(placeOf(arena)))
    const inTls = kept(arena, await knockForTls(placeOf(arena)))
    const muxer = await connectRaw(placeOf(arena))
    kept(arena, muxer.wire)
    const negotiation = muxer.open()
    const message = muxer.open()
    await message.speak(PEERS)
    message.send(lengthOf(60_000n))
    const request: RawStream = muxer.open()
    await request.speak(PEERS)
    request.say(Question.encode({ records: [], wanted: 0 }))
    await Promise.all([
      slowly('a handshake', byte => early.send(byte), early.gone),
      // Not a byte of it is TLS, which ends it at once; a record may be as long as it likes.
      slowly('TLS', () => inTls.send(Uint8Array.of(0x16)), inTls.gone),
      slowly('a negotiation', byte => negotiation.send(byte), negotiation.gone),
      slowly('a message', byte => message.send(byte), message.gone),
      untilEnd(arena, 'a request without an end is answered and ended', request.gone),
    ])
  },
}
