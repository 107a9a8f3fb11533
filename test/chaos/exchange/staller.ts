import type { TestBlock } from '../../unit/exchange/fixture.ts'
import { deliver, type Handler, pretender } from './script.ts'

/** Has everything, delivers the first `count` blocks and then nothing, without a word. */
export function staller(blocks: readonly TestBlock[], count = 0): Handler {
  let delivered = 0
  return pretender(blocks, async (channel, want, block) => {
    if (delivered++ < count) await deliver(channel, want, block)
  })
}
