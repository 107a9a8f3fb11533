import { line } from '../../helpers/raw/bytes.ts'
import { knock } from '../../helpers/raw/wire.ts'
import type { Attack } from './attack.ts'
import { kept, placeOf, rawOffender, within } from './raw-offender.ts'

const ENDLESS = new Uint8Array(1024 * 1024).fill(0x80)
const PIECE = ENDLESS.subarray(0, 200 * 1024)
const SOON_MS = 3000
const STREAMS = 50

export const attack: Attack = {
  name: 'endless lengths',
  what: 'Sends lengths that never end: before TLS, after it, and on fifty streams at once',
  limit:
    'Two bytes of a length in a negotiation, four in messages of libp2p itself: followed before libp2p reads them',
  result: 'Reset at once',
  verdict: { harmless: true },
  async run(arena) {
    const early = kept(arena, await knock(placeOf(arena)))
    early.send(ENDLESS)
    await within('a stranger is cut off', SOON_MS, early.gone)
    const greeted = kept(arena, await knock(placeOf(arena)))
    greeted.send(line('/multistream/1.0.0'), ENDLESS)
    await within('one that has greeted is cut off', SOON_MS, greeted.gone)
    const { muxer } = await rawOffender(arena)
    const gone: Promise<unknown>[] = []
    for (let at = 0; at < STREAMS; at++) {
      const stream = muxer.open()
      if (at % 2 === 0) stream.send(line('/multistream/1.0.0'))
      stream.send(PIECE)
      gone.push(stream.gone)
    }
    await within('all streams are reset', SOON_MS, Promise.all(gone))
  },
}
