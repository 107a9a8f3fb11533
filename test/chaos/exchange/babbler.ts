import fc from 'fast-check'
import type { Channel } from '../../../core/api.ts'
import { encodeReply, encodeRequest, Mode, Status } from '../../../plugins/exchange/wire/codec.ts'
import type { TestBlock } from '../../unit/exchange/fixture.ts'

/** A message, and raw bytes right behind it. */
export interface Babble {
  readonly message: Uint8Array
  readonly payload: Uint8Array
}

/** Ids that are likely to be open, and some that aren't. */
const id = fc.oneof(fc.nat(5), fc.integer({ min: 0, max: 0xffff_ffff }))

const bytes = fc.uint8Array({ maxLength: 3000 })

/** What a holder might say: noise, and replies that are well formed but wrong. */
export function babbleOfHolder({ cid }: TestBlock): fc.Arbitrary<Babble[]> {
  const answer = fc.record({
    id,
    status: fc.constantFrom(Status.OK, Status.MISSING, Status.BUSY, Status.CANCELLED),
    length: fc.oneof(fc.nat(3000), fc.integer({ min: 0, max: 0xffff_ffff })),
  })
  const reply = fc
    .record({
      answers: fc.array(answer, { maxLength: 4 }),
      haveUpdates: fc.array(fc.constant(cid), { maxLength: 2 }),
    })
    .map(encodeReply)
  return babble(fc.oneof(bytes, reply))
}

/** What a requester might say. */
export function babbleOfRequester({ cid }: TestBlock): fc.Arbitrary<Babble[]> {
  const mode = fc.constantFrom(Mode.BLOCK, Mode.HAVE)
  const want = fc.record({ id, cid: fc.constant(cid), mode, sizeHint: fc.nat() })
  const request = fc
    .record({ wants: fc.array(want, { maxLength: 5 }), cancels: fc.array(id, { maxLength: 5 }) })
    .map(encodeRequest)
  return babble(fc.oneof(bytes, request))
}

function babble(message: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Babble[]> {
  const payload = fc.oneof({ weight: 3, arbitrary: fc.constant(new Uint8Array()) }, bytes)
  return fc.array(fc.record({ message, payload }), { minLength: 1, maxLength: 8 })
}

/** Says all of it, and then nothing more. Ends early where the other side has had enough. */
export async function say(channel: Channel, babble: readonly Babble[]): Promise<void> {
  try {
    for (const { message, payload } of babble) await channel.write(message, payload)
  } catch {
    // It was reset, as it should be.
  }
}
