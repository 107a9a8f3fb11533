import { setTimeout as wait } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import { encodeRequest, MAX_BATCH, Mode, PROTOCOL } from '../../../plugins/exchange/wire/codec.ts'
import { randomBlocks } from '../../unit/exchange/fixture.ts'
import type { Attack } from './attack.ts'
import { rawOffender } from './raw-offender.ts'

const FLOOD_MS = 2000
const BLOCK_BYTES = 64 * 1024

export const attack: Attack = {
  name: 'want flood',
  what: 'Asks without a pause for blocks that nobody has, and for one block a thousand times, whether they are there and what they are, and reads no answer',
  limit:
    '1,000 messages and 16 MiB a second of a peer, 1,024 answers that wait, 1,024 misses remembered a stream',
  result: 'Made to wait; who reads no answer is asked nothing more',
  verdict: { harmless: true },
  async run(arena) {
    const missing = randomBlocks(MAX_BATCH, 32).map(({ cid }) => cid)
    const held = randomBlocks(1, BLOCK_BYTES)
    await arena.honest.offer(held)
    const [same] = held.map(({ cid }) => cid)
    await arena.victim.pin(String(same))
    const identical = missing.map(() => same as CID)
    const flood = async (cids: readonly CID[], mode: Mode, isDeaf = false): Promise<void> => {
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
    await Promise.all([
      flood(missing, Mode.BLOCK),
      flood(missing, Mode.HAVE, true),
      flood(identical, Mode.HAVE),
      flood(identical, Mode.BLOCK, true),
    ])
  },
}
