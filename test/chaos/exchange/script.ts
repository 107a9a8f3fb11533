import type { Channel } from '../../../core/api.ts'
import { keyOf } from '../../../plugins/exchange/block-key.ts'
import { decodeRequest, encodeReply, Mode, Status, type Want } from '../../../plugins/exchange/wire/codec.ts'
import type { TestBlock } from '../../unit/exchange/fixture.ts'

export type Handler = (channel: Channel) => Promise<void>

/** A holder that says it has `blocks`, and lets `send` do what it likes about each that is asked for. */
export function pretender(
  blocks: readonly TestBlock[],
  send: (channel: Channel, want: Want, block: TestBlock) => Promise<void> | void,
): Handler {
  const held = new Map(blocks.map(block => [keyOf(block.cid), block]))
  return async channel => {
    for (let message = await channel.read(); message; message = await channel.read()) {
      for (const want of decodeRequest(message).wants) {
        const block = held.get(keyOf(want.cid))
        if (!block) await answer(channel, want.id, Status.MISSING)
        else if (want.mode === Mode.HAVE) await answer(channel, want.id, Status.OK, block.bytes.byteLength)
        else await send(channel, want, block)
      }
    }
  }
}

export function answer(
  channel: Channel,
  id: number,
  status: Status,
  length = 0,
  payload?: Uint8Array,
): Promise<void> {
  return channel.write(encodeReply({ answers: [{ id, status, length }], haveUpdates: [] }), payload)
}

/** What an honest holder does. */
export function deliver(channel: Channel, want: Want, { bytes }: TestBlock): Promise<void> {
  return answer(channel, want.id, Status.OK, bytes.byteLength, bytes)
}
