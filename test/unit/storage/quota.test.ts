import t from 'tap'
import type { DiskUse } from '../../../core/storage/block-shelf.ts'
import { Quota } from '../../../core/storage/quota.ts'

const none: DiskUse = { usedBytes: 0, segmentBytes: 0, indexBytes: 0, freeSlotBytes: 0, freeIndexBytes: 0 }

function quotaOf(use: Partial<DiskUse>, maxBytes = 1000, diskRoomBytes = Number.POSITIVE_INFINITY) {
  const now = { ...none, ...use }
  const quota = new Quota(
    { maxBytes, headroomBytes: 0 },
    { use: () => now, diskRoomBytes: async () => now.freeSlotBytes + diskRoomBytes },
  )
  return { quota, now }
}

t.test('reservations are weighed first come first served', async t => {
  const { quota, now } = quotaOf({ usedBytes: 900, segmentBytes: 900 })
  const order: string[] = []
  const evicted = Promise.withResolvers<number>()
  quota.attachEvictor({
    evict: async bytes => {
      order.push(`evict ${bytes}`)
      await evicted.promise
      Object.assign(now, { freeSlotBytes: now.freeSlotBytes + bytes })
      return bytes
    },
    read: () => undefined,
    stored: () => undefined,
  })
  const big = quota.reserve('segments', 800).then(() => order.push('big'))
  const small = quota.reserve('segments', 10).then(() => order.push('small'))
  evicted.resolve(0)
  await Promise.all([big, small])
  t.same(order, ['evict 700', 'big', 'evict 10', 'small'], 'small ones wait for the big one before them')
})

t.test('one that fails lets the next in', async t => {
  const { quota } = quotaOf({}, 100)
  const outcomes = await Promise.allSettled([60, 60, 40].map(bytes => quota.reserve('segments', bytes)))
  t.same(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
})

t.test('the file system counts too', async t => {
  let roomBytes = 50
  const quota = new Quota(
    { maxBytes: 1000, headroomBytes: 0 },
    { use: () => none, diskRoomBytes: async () => roomBytes },
  )
  const held = await quota.reserve('segments', 40)
  await t.rejects(quota.reserve('segments', 20), { code: 'STORAGE_FULL', message: /20 bytes: 10 of 1000/ })
  held.release()
  await quota.reserve('segments', 20)
  roomBytes = 0
  await t.rejects(quota.reserve('segments', 1), { code: 'STORAGE_FULL' })
})

t.test('free pages of the index are room for small blocks alone, free slots for any', async t => {
  const { quota } = quotaOf({
    usedBytes: 1000,
    indexBytes: 300,
    segmentBytes: 700,
    freeIndexBytes: 100,
    freeSlotBytes: 50,
  })
  t.equal(quota.roomBytes('segments'), 50)
  t.equal(quota.roomBytes('index'), 150)
  const small = await quota.reserve('index', 120)
  t.equal(quota.roomBytes('segments'), 30, 'what the index lacks, segments have to give')
  t.equal(quota.roomBytes('index'), 30)
  await t.rejects(quota.reserve('segments', 31), { code: 'STORAGE_FULL' })
  t.equal(quota.split('segments', small, 10).bytes, 0, 'room in the index is none for a large block')
  const large = await quota.reserve('segments', 30)
  const part = quota.split('index', large, 20)
  t.same([part.bytes, part.kind, large.bytes], [20, 'index', 10])
  for (const allowance of [small, large, part]) allowance.release()
  t.equal(quota.reservedBytes, 0)
})

t.test('eviction goes on as long as anything goes', async t => {
  const { quota, now } = quotaOf({ usedBytes: 1000, segmentBytes: 500, indexBytes: 500 })
  const kinds = ['freeIndexBytes', 'freeIndexBytes', 'freeSlotBytes'] as const
  let evictions = 0
  quota.attachEvictor({
    async evict(bytes) {
      const kind = kinds[evictions++]
      if (kind) Object.assign(now, { [kind]: now[kind] + bytes })
      return kind ? bytes : 0
    },
    read: () => undefined,
    stored: () => undefined,
  })
  await quota.reserve('segments', 100)
  t.equal(evictions, 3)
  await t.rejects(quota.reserve('segments', 1), { code: 'STORAGE_FULL' })
  t.equal(evictions, 4)
})
