import t from 'tap'
import { Quota } from '../../../core/storage/quota.ts'

const free = { diskRoomBytes: async () => Number.POSITIVE_INFINITY }

t.test('reservations are weighed first come first served', async t => {
  const quota = new Quota({ maxBytes: 1000, usedBytes: 900 }, free)
  const order: string[] = []
  const evicted = Promise.withResolvers<number>()
  quota.attachEvictor({
    evict: async bytes => {
      order.push(`evict ${bytes}`)
      await evicted.promise
      quota.free(bytes)
      return bytes
    },
    read: () => undefined,
    stored: () => undefined,
  })
  const big = quota.reserve(800).then(() => order.push('big'))
  const small = quota.reserve(10).then(() => order.push('small'))
  evicted.resolve(0)
  await Promise.all([big, small])
  t.same(order, ['evict 700', 'big', 'evict 10', 'small'], 'small ones wait for the big one before them')
})

t.test('one that fails lets the next in', async t => {
  const quota = new Quota({ maxBytes: 100, usedBytes: 0 }, free)
  const outcomes = await Promise.allSettled([quota.reserve(60), quota.reserve(60), quota.reserve(40)])
  t.same(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
})

t.test('the file system counts too', async t => {
  let roomBytes = 50
  const quota = new Quota({ maxBytes: 1000, usedBytes: 0 }, { diskRoomBytes: async () => roomBytes })
  const held = await quota.reserve(40)
  await t.rejects(quota.reserve(20), { code: 'STORAGE_FULL', message: /20 bytes: 10 of 1000/ })
  held.release()
  await quota.reserve(20)
  roomBytes = 0
  await t.rejects(quota.reserve(1), { code: 'STORAGE_FULL' })
})
