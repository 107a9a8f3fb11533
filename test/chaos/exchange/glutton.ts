import type { Channel } from '../../../core/api.ts'
import { encodeRequest, MAX_BATCH, Mode } from '../../../plugins/exchange/wire/codec.ts'
import type { TestBlock } from '../../unit/exchange/fixture.ts'

/** Asks for all `blocks` and never reads an answer. */
export async function glutton(channel: Channel, blocks: readonly TestBlock[]): Promise<void> {
  const wants = blocks.map(({ cid }, index) => ({ id: index + 1, cid, mode: Mode.BLOCK, sizeHint: 0 }))
  while (wants.length > 0)
    await channel.write(encodeRequest({ wants: wants.splice(0, MAX_BATCH), cancels: [] }))
}
