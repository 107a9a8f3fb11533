import { encodeRequest, Mode, PROTOCOL } from '../../../plugins/exchange/wire/codec.ts'
import { randomBlocks } from '../../unit/exchange/fixture.ts'
import type { Attack } from './attack.ts'
import { rawOffender } from './raw-offender.ts'

const READERS = 8
const BLOCKS = 32
const BLOCK_BYTES = 1024 * 1024
const HELD_MS = 4000

export const attack: Attack = {
  name: 'slow readers',
  what: `${READERS} peers ask for all they can get and take it a byte a second`,
  limit:
    'Read-ahead is shared out, half of what is left for one; a frame has to move at 512 bytes a second beyond its idle time',
  result: 'They hold what was read for them until they are cut off; others are served meanwhile',
  verdict: { harmless: true },
  async run(arena) {
    const blocks = randomBlocks(BLOCKS, BLOCK_BYTES)
    await arena.honest.offer(blocks)
    for (const { cid } of blocks)
      await arena.victim.client.operate({ method: 'POST', path: 'pins', body: { path: String(cid) } })
    const readers = await Promise.all(
      Array.from({ length: READERS }, async () => {
        const { muxer } = await rawOffender(arena)
        const stream = muxer.open()
        await stream.speak(PROTOCOL.id)
        const wants = blocks.map(({ cid }, at) => ({ id: at + 1, cid, mode: Mode.BLOCK, sizeHint: 0 }))
        stream.say(encodeRequest({ wants, cancels: [] }))
        return stream
      }),
    )
    const endMs = performance.now() + HELD_MS
    while (performance.now() < endMs) {
      for (const stream of readers) stream.grant(1)
      await new Promise(resolve => setTimeout(resolve, 1000))
    }
  },
}
