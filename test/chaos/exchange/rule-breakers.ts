import { encodeReply, Status } from '../../../plugins/exchange/wire/codec.ts'
import type { TestBlock } from '../../unit/exchange/fixture.ts'
import { answer, deliver, type Handler, pretender } from './script.ts'

const MAX_BLOCK_BYTES = 2 * 1024 * 1024

/** Holders that each break one rule of the protocol when they are asked for a block. */
export const ruleBreakers: Record<string, (blocks: readonly TestBlock[]) => Handler> = {
  'announces more than a block may have': blocks =>
    pretender(blocks, (channel, { id }) => answer(channel, id, Status.OK, MAX_BLOCK_BYTES + 1)),
  'announces four gigabytes': blocks =>
    pretender(blocks, (channel, { id }) => answer(channel, id, Status.OK, 0xffff_ffff)),
  'sends another length than it offered': blocks =>
    pretender(blocks, (channel, { id }, { bytes }) =>
      answer(channel, id, Status.OK, bytes.byteLength - 1, bytes.subarray(1)),
    ),
  'answers an id that was never asked': blocks =>
    pretender(blocks, (channel, { id }) => answer(channel, id + 1000, Status.OK, 3, new Uint8Array(3))),
  'answers twice': blocks =>
    pretender(blocks, async (channel, want, block) => {
      await deliver(channel, want, block)
      await deliver(channel, want, block)
    }),
  'answers twice in one message': blocks =>
    pretender(blocks, async (channel, { id }, { bytes }) => {
      const once = { id, status: Status.OK, length: bytes.byteLength }
      const message = encodeReply({ answers: [once, once], haveUpdates: [] })
      await channel.write(message, Buffer.concat([bytes, bytes]))
    }),
  'cancels what nobody cancelled': blocks =>
    pretender(blocks, (channel, { id }) => answer(channel, id, Status.CANCELLED)),
  'says missing with a length': blocks =>
    pretender(blocks, (channel, { id }) => answer(channel, id, Status.MISSING, 5)),
  'offers what it never missed': blocks =>
    pretender(blocks, (channel, { cid }) => channel.write(encodeReply({ answers: [], haveUpdates: [cid] }))),
  'sends an empty message': blocks => pretender(blocks, channel => channel.write(new Uint8Array())),
  'sends what is no protobuf': blocks =>
    pretender(blocks, channel => channel.write(Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f))),
  'sends a message above the limit': blocks =>
    pretender(blocks, channel => channel.write(new Uint8Array(64 * 1024 + 1))),
}
