import { Status } from '../../../plugins/exchange/wire/codec.ts'
import type { TestBlock } from '../../unit/exchange/fixture.ts'
import { answer, type Handler, pretender } from './script.ts'

/** Has everything, and sends other bytes of the right length. */
export function liar(blocks: readonly TestBlock[]): Handler {
  return pretender(blocks, (channel, { id }, { bytes }) => {
    const lie = bytes.slice()
    lie[0] = (lie[0] ?? 0) ^ 1
    return answer(channel, id, Status.OK, lie.byteLength, lie)
  })
}
