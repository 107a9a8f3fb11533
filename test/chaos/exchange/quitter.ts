import { Status } from '../../../plugins/exchange/wire/codec.ts'
import type { TestBlock } from '../../unit/exchange/fixture.ts'
import { answer, type Handler, pretender } from './script.ts'

/** Has everything, and resets the stream, or ends it well, in the middle of each block. */
export function quitter(blocks: readonly TestBlock[], how: 'reset' | 'close'): Handler {
  return pretender(blocks, async (channel, { id }, { bytes }) => {
    await answer(channel, id, Status.OK, bytes.byteLength, bytes.subarray(0, bytes.byteLength / 2))
    if (how === 'close') await channel.close()
    else channel.abort(new Error('quit midway'))
  })
}
