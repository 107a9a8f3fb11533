import t from 'tap'
import { Slots } from '../../../plugins/routing/dht/slots.ts'

t.test('so many at a time, the others in their order', async t => {
  const slots = new Slots(1)
  const { signal } = new AbortController()
  const order: string[] = []
  const first = await slots.take(signal)
  const second = slots.take(signal).then(release => {
    order.push('second')
    return release
  })
  const third = slots.take(signal).then(() => order.push('third'))
  first()
  first()
  const release = await second
  t.same(order, ['second'], 'a slot that is given back twice is one')
  release()
  await third
  t.same(order, ['second', 'third'])
})

t.test('who gives up leaves its place', async t => {
  const slots = new Slots(1)
  const held = await slots.take(new AbortController().signal)
  const giving = new AbortController()
  const waiting = slots.take(giving.signal)
  giving.abort(new Error('no more'))
  await t.rejects(waiting, /no more/)
  held()
  await t.resolves(slots.take(new AbortController().signal))
  await t.rejects(slots.take(giving.signal), /no more/)
})

t.test('a queue without end is refused', async t => {
  const slots = new Slots(1)
  const over = new AbortController()
  await slots.take(over.signal)
  const waiting = Array.from({ length: 256 }, () => slots.take(over.signal))
  await t.rejects(slots.take(over.signal), { code: 'LOOKUPS_FULL' })
  over.abort()
  for (const { status } of await Promise.allSettled(waiting)) t.equal(status, 'rejected')
})
