import fc from 'fast-check'
import t from 'tap'
import { MAX_PEER_STREAMS, MAX_TRACKED_PEERS, PeerQuota } from '../../../core/network/peer-quota.ts'

function create(maxConnections = 100) {
  const time = { nowMs: 0 }
  const quota = new PeerQuota({ maxConnections }, { clock: () => time.nowMs })
  const enter = (peer: string, count: number) => Array.from({ length: count }, () => quota.enter(peer))
  return { quota, time, enter }
}

t.test('streams of one peer, over all protocols', async t => {
  const { quota, time, enter } = create()
  const opened = enter('a', MAX_PEER_STREAMS + 1)
  t.equal(opened.at(-2), undefined)
  t.equal(opened.at(-1), 'streams')
  t.equal(quota.enter('b'), undefined, 'whatever others do')
  t.equal(quota.openStreams, MAX_PEER_STREAMS + 1)
  quota.leave('a')
  t.equal(quota.enter('a'), undefined)
  for (let at = 0; at < 1_000; at++) quota.enter('a')
  t.equal(quota.enter('a'), 'rate', 'what is refused is work, too')
  time.nowMs += 10_000
  t.equal(quota.enter('a'), 'streams')
  t.match(quota.usageOf('a'), { openStreams: MAX_PEER_STREAMS, streams: MAX_PEER_STREAMS + 1 })
  t.ok(quota.usageOf('a').refusedStreams > 1_000)
  t.match(quota.usageOf('nobody'), { streams: 0, requests: 0 })
})

t.test('where all peers together have too many, who has few still gets in', async t => {
  const { quota, enter } = create(4)
  t.equal(quota.maxStreams, 256)
  enter('a', 128)
  enter('b', 128)
  t.equal(quota.enter('a'), 'streams')
  t.same(enter('c', 10), Array(10).fill(undefined))
  quota.leave('a')
  t.equal(quota.enter('a'), 'full', 'it has more than its share')
})

t.test('messages wait for their turn: of one peer, and of all', async t => {
  const { quota, time } = create()
  const waits = (peer: string, count: number, bytes = 10) => {
    let waitMs = 0
    for (let at = 0; at < count; at++) waitMs = quota.ask(peer, bytes)
    return waitMs
  }
  t.equal(waits('a', 2_000), 0, 'a burst')
  t.equal(waits('a', 1), 1)
  t.equal(waits('a', 999), 1_000)
  t.equal(waits('b', 1), 0, 'others do not')
  time.nowMs += 1_000
  t.equal(waits('a', 1), 1)
  t.equal(waits('c', 1, 4 * 1024 * 1024), 0, 'a long message is content that was asked for')
  t.equal(waits('c', 600, 64 * 1024) > 0, true)
  for (const peer of ['d', 'e', 'f', 'g', 'h']) waits(peer, 2_000)
  t.ok(waits('i', 500) > 0, 'all together ask too much')
})

t.test('who asks no more than its even share waits for nobody', async t => {
  const { quota, time } = create(100)
  for (const peer of ['a', 'b', 'c', 'd', 'e', 'f'])
    for (let at = 0; at < 4_000; at++) quota.ask(peer, 64 * 1024)
  let waitedMs = 0
  for (let second = 0; second < 10; second++) {
    time.nowMs += 1_000
    for (let at = 0; at < 40; at++) waitedMs += quota.ask('honest', 1_000)
    for (const peer of ['a', 'b', 'c', 'd', 'e', 'f'])
      for (let at = 0; at < 1_000; at++) quota.ask(peer, 64 * 1024)
  }
  t.equal(waitedMs, 0)
  t.ok(quota.ask('a', 1) > 1_000)
  t.ok(
    Array.from({ length: 200 }, () => quota.ask('honest', 1_000)).at(-1),
    'beyond it there is the queue of all',
  )
})

t.test('bytes for services wait for their turn', async t => {
  const { quota, time } = create()
  t.equal(quota.askService('a', 64 * 1024), 0)
  t.equal(quota.askService('a', 8 * 1024), 1_000)
  t.equal(quota.askService('b', 8 * 1024), 0)
  time.nowMs += 10_000
  t.equal(quota.askService('a', 8 * 1024), 0)
})

t.test('who takes most of the processor', async t => {
  const { quota } = create()
  quota.enter('a')
  quota.enter('b')
  quota.busy('a', 400)
  quota.busy('b', 100)
  quota.busy('stranger', 900)
  t.strictSame(quota.greedy(1_000, 0.25), [{ peer: 'a', share: 0.4 }])
  t.strictSame(quota.greedy(1_000, 0.25), [], 'each time anew')
  t.equal(quota.usageOf('a').busyMs, 400)
})

t.test('peers remembered are bounded, and who has a stream is not forgotten', async t => {
  const { quota } = create()
  quota.enter('stays')
  for (let at = 0; at < 2 * MAX_TRACKED_PEERS; at++) quota.ask(`peer ${at}`, 1)
  t.equal(quota.tracked, MAX_TRACKED_PEERS)
  t.match(quota.usageOf('stays'), { openStreams: 1 })
})

t.test('what was let in and left again is nothing, in whatever order', async () => {
  const step = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.boolean(), fc.integer({ min: 0, max: 2_000 }))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), steps => {
      const { quota, time } = create(4)
      const open = { a: 0, b: 0, c: 0 }
      for (const [peer, isEntering, passedMs] of steps) {
        time.nowMs += passedMs
        if (isEntering && quota.enter(peer as string) === undefined) open[peer]++
        else if (!isEntering && open[peer] > 0) {
          open[peer]--
          quota.leave(peer as string)
        }
        if (open[peer] !== quota.usageOf(peer).openStreams || open[peer] > MAX_PEER_STREAMS) return false
      }
      return quota.openStreams === open.a + open.b + open.c
    }),
  )
})
