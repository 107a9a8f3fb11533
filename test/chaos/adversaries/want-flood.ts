import { setTimeout as wait } from 'node:timers/promises'
import { encodeRequest, MAX_BATCH, Mode, PROTOCOL } from '../../../plugins/exchange/wire/codec.ts'
import { randomBlocks } from '../../unit/exchange/fixture.ts'
import type { Attack } from './attack.ts'
import { rawOffender } from './raw-offender.ts'

const FLOOD_MS = 3000

export const attack: Attack = {
  name: 'want flood',
  what: 'Asks without a pause for blocks that nobody has, whether they are there and what they are, and reads no answer',
  limit:
    '1,000 messages and 16 MiB a second of a peer, 1,024 answers that wait, 1,024 misses remembered a stream',
  result: 'Made to wait; who reads no answer is asked nothing more',
  verdict: { harmless: true },
  async run(arena) {
    const cids = randomBlocks(MAX_BATCH, 32).map(({ cid }) => cid)
    const flood = async (mode: Mode, isDeaf: boolean): Promise<void> => {
      const { muxer } = await rawOffender(arena)
      const stream = muxer.open()
      await stream.speak(PROTOCOL.id)
      if (isDeaf) muxer.wire.stall()
      const endMs = performance.now() + FLOOD_MS
      let id = 0
      while (performance.now() < endMs && !stream.isGone) {
        const wants = cids.map(cid => ({ id: id++ % 0xffff_ffff, cid, mode, sizeHint: 0 }))
        const request = encodeRequest({ wants, cancels: [] })
        const isTaken = await Promise.race([stream.room(2 * request.byteLength).then(() => true), wait(500)])
        if (isTaken) stream.say(request)
      }
    }
    await Promise.all([flood(Mode.BLOCK, false), flood(Mode.HAVE, false), flood(Mode.HAVE, true)])
  },
}
