import t from 'tap'
import { Outbox } from '../../../../plugins/exchange/server/outbox.ts'
import { MAX_BATCH, Status } from '../../../../plugins/exchange/wire/codec.ts'
import { randomBlock } from '../fixture.ts'

const KIB = 1024

function parcel(
  id: number,
  bytes: number,
): { answer: { id: number; status: Status; length: number }; payload: Uint8Array } {
  return { answer: { id, status: Status.OK, length: bytes }, payload: new Uint8Array(bytes).fill(id) }
}

t.test('small payloads go together, large ones as they are', async t => {
  const outbox = new Outbox()
  const large = parcel(3, 512 * KIB)
  for (const next of [parcel(1, 4 * KIB), parcel(2, 4 * KIB), large, parcel(4, 1)]) outbox.add(next)
  const first = outbox.ship()
  t.match(first, { blocks: 2, payloadBytes: 8 * KIB })
  t.equal(first?.payload?.[4 * KIB], 2)
  t.equal(outbox.ship()?.payload, large.payload)
  t.match(outbox.ship(), { blocks: 1, payloadBytes: 1 })
  t.equal(outbox.ship(), undefined)
})

t.test('a message has no more entries than it may', async t => {
  const outbox = new Outbox()
  const { cid } = randomBlock(1)
  for (let id = 0; id <= MAX_BATCH; id++) outbox.add({ answer: { id, status: Status.MISSING, length: 0 } })
  outbox.update(cid)
  t.match(outbox.ship(), { answers: { length: MAX_BATCH }, haveUpdates: [] })
  const rest = outbox.ship()
  t.same([rest?.answers.length, rest?.haveUpdates], [1, [cid]])
})

t.test('a cancelled answer leaves its payload behind', async t => {
  const outbox = new Outbox()
  outbox.add(parcel(1, 10))
  outbox.add(parcel(2, 10))
  outbox.cancel(1)
  t.match(outbox.ship(), {
    answers: [{ id: 1, status: Status.CANCELLED, length: 0 }, { id: 2 }],
    payloadBytes: 10,
  })
})
