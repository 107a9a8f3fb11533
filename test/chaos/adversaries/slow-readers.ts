import { encodeRequest, Mode, PROTOCOL } from '../../../plugins/exchange/wire/codec.ts'
import { randomBlocks } from '../../unit/exchange/fixture.ts'
import type { Attack } from './attack.ts'
import { rawOffender } from './raw-offender.ts'

const READERS = 8
/** What is read ahead for all of them: a quarter of `memory.transferBytes` of the profile pi-zero. */
const READ_AHEAD_BYTES = 4 * 1024 * 1024
/** Each asks for four times that. */
const BLOCKS = 16
const BLOCK_BYTES = 1024 * 1024
const HELD_MS = 3000

export const attack: Attack = {
  name: 'slow readers',
  what: `${READERS} peers ask for all they can get and take it a byte a second, or nothing at all: a window of zero for ever`,
  limit:
    'Read-ahead is shared out, half of what is left for one; a frame has to move at 512 bytes a second beyond its idle time',
  result: 'They hold what was read for them until they are cut off; others are served meanwhile',
  verdict: { harmless: true },
  async run(arena) {
    const blocks = randomBlocks(BLOCKS, BLOCK_BYTES)
    await arena.honest.offer(blocks)
    await Promise.all(blocks.map(({ cid }) => arena.victim.pin(String(cid))))
    const readers = await Promise.all(
      Array.from({ length: READERS }, async () => {
        const { muxer } = await rawOffender(arena)
        const stream = muxer.open()
        if (!(await stream.speak(PROTOCOL.id))) throw new Error('a reader was not let in')
        const wants = blocks.map(({ cid }, at) => ({ id: at + 1, cid, mode: Mode.BLOCK, sizeHint: 0 }))
        stream.say(encodeRequest({ wants, cancels: [] }))
        return stream
      }),
    )
    const endMs = performance.now() + HELD_MS
    while (performance.now() < endMs) {
      for (const stream of readers.slice(READERS / 2)) stream.grant(1)
      await new Promise(resolve => setTimeout(resolve, 1000))
    }
    const held = (await arena.victim.metrics()).get('skep_exchange_read_ahead_bytes') ?? Number.NaN
    if (held === 0) throw new Error('nothing was read for them, so there was no attack')
    if (!(held <= READ_AHEAD_BYTES))
      throw new Error(`${held} bytes are held for them, ${READ_AHEAD_BYTES} may be`)
  },
}
