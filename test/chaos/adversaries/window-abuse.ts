import { Flag, Type, WINDOW_BYTES } from '../../helpers/raw/yamux.ts'
import type { Attack } from './attack.ts'
import { rawOffender, within } from './raw-offender.ts'

const SOON_MS = 3000

export const attack: Attack = {
  name: 'window abuse',
  what: 'Sends more than its window lets it, and says that the window of the other side has no end',
  limit: 'The window: 256 KiB at first',
  result: 'The connection ends',
  verdict: { harmless: true },
  async run(arena) {
    const over = await rawOffender(arena)
    const stream = over.muxer.open()
    // A protocol that takes its time to read: nothing is taken of a stream that nobody has agreed on.
    stream.send(new Uint8Array(WINDOW_BYTES + 1))
    await within('more than a window is refused', SOON_MS, over.muxer.gone)

    const wide = await rawOffender(arena)
    const endless = wide.muxer.open()
    await endless.speak('/ipfs/ping/1.0.0')
    for (let times = 0; times < 10_000; times++) {
      wide.muxer.frame({ type: Type.window, flags: Flag.none, stream: endless.id, length: 0xffff_ffff })
    }
    endless.send(new Uint8Array(32))
    await within('it still answers', SOON_MS, endless.take(32))
  },
}
