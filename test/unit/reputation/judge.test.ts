import { join } from 'node:path'
import t from 'tap'
import { silentLogger } from '../../../core/logger.ts'
import { openStorage } from '../../../core/storage/open.ts'
import type { Storage } from '../../../core/storage/storage.ts'
import { BEST_SCORE, STRANGER_SCORE } from '../../../plugins/reputation/score.ts'
import { createPeerIds, HOUR_MS, openCourt } from './fixture.ts'

const MIB = 1024 * 1024
const [alice, bob, carol] = await createPeerIds(3)
if (!alice || !bob || !carol) throw new Error('three peers')

function open(directory: string): Promise<Storage> {
  return openStorage(
    { directory, maxBytes: 1024 ** 3, minFreeDiskBytes: 0, mapBytes: 64 * 1024 ** 2 },
    { log: silentLogger, onFatal() {} },
  )
}

t.test('verified bytes speak for a peer, and make its connection worth something', async t => {
  const court = await openCourt(t)
  t.equal(court.judge.scoreOf(alice), STRANGER_SCORE)
  court.connect(alice)
  court.deliver(alice, 32 * MIB)
  court.pass(60_000)
  t.ok(court.judge.scoreOf(alice) > 0.99 * BEST_SCORE)
  t.same(court.network.worthOf(alice), { 'test/score': 20 })
  t.match(court.judge.why(alice), { credit: { verifiedBytes: 32 * MIB }, evidence: [], earlierBans: 0 })
  court.peers.report(alice, 'invalid-block', 'wrong')
  t.same(court.network.worthOf(alice), {})
  t.equal(court.judge.why(alice).credit.verifiedBytes, 32 * MIB, 'bytes count once')
})

t.test('a corrupter is banned within three bad blocks, whatever it delivered before', async t => {
  const court = await openCourt(t)
  court.connect(bob)
  court.deliver(bob, 1024 ** 4)
  for (const peer of [alice, bob]) {
    const before = court.banned.length
    for (let blocks = 1; blocks <= 3; blocks++) {
      court.peers.report(peer, 'invalid-block', `block ${blocks}`)
      if (peer === bob) court.deliver(bob, 1024 ** 3)
      court.pass(HOUR_MS)
      const isBanned = court.banned.length > before
      t.equal(isBanned, blocks >= (peer === alice ? 2 : 3), `${blocks} bad blocks`)
      if (isBanned) break
    }
  }
  t.match(court.judge.why(bob), {
    evidence: [{ kind: 'invalid-block', times: 3, limited: 0, excused: 0, detail: 'block 3' }],
  })
  t.equal(await court.metric('bans_total{kind="invalid-block"}'), 2)
})

t.test('bans end by themselves, and get longer', async t => {
  const court = await openCourt(t, { banMs: HOUR_MS, maxBanMs: 20 * HOUR_MS })
  court.peers.report(alice, 'invalid-block', 'first')
  court.peers.report(alice, 'invalid-block', 'second')
  t.ok(court.judge.isBanned(alice))
  t.match(court.judge.why(alice).ban, {
    kind: 'invalid-block',
    detail: 'second',
    endsInMs: HOUR_MS,
    madeMsAgo: 0,
  })
  court.pass(HOUR_MS - 5000)
  t.ok(court.judge.isBanned(alice))
  court.pass(5000)
  t.notOk(court.judge.isBanned(alice))
  const { ban, earlierBans, score } = court.judge.why(alice)
  t.same([ban, earlierBans], [undefined, 1])
  t.ok(score < 0.1, 'it is still the last to be asked')
  court.peers.report(alice, 'timeout', 'stalled')
  court.pass(60_000)
  t.notOk(court.judge.isBanned(alice), 'and no timeout bans')
  for (const hours of [4, 16, 20]) {
    court.peers.report(alice, 'invalid-block', 'again')
    t.equal(court.judge.why(alice).ban?.endsInMs, hours * HOUR_MS)
    court.pass(hours * HOUR_MS)
  }
  t.same(
    court.banned.map(({ durationMs }) => durationMs / HOUR_MS),
    [1, 4, 16, 20],
  )
})

t.test('a flood is banned after minutes, a burst is not', async t => {
  const court = await openCourt(t)
  for (let time = 0; time < 10_000; time++) court.peers.report(alice, 'overload', 'too fast')
  t.notOk(court.judge.isBanned(alice))
  t.equal(await court.metric('evidence_total{kind="overload",result="counted"}'), 3)
  for (let second = 0; second < 300 && !court.judge.isBanned(alice); second += 5) {
    court.pass(5000)
    for (let time = 0; time < 100; time++) court.peers.report(alice, 'overload', 'too fast')
  }
  t.ok(court.judge.isBanned(alice))
})

t.test('who stalls while others deliver is charged; of two that stall at a time nobody is', async t => {
  const court = await openCourt(t)
  for (const peer of [alice, bob, carol]) court.connect(peer)
  // Who has connected lately shows that the link works, too.
  court.pass(60_000)
  const stall = (...peers: (typeof alice)[]): void => {
    for (const peer of peers) court.peers.report(peer, 'timeout', 'stalled')
    court.deliver(carol, 1000)
    court.pass(60_000)
  }
  stall(alice)
  t.match(court.judge.why(alice).evidence, [{ kind: 'timeout', times: 1, excused: 0, limited: 0 }])
  t.ok(court.judge.scoreOf(alice) < STRANGER_SCORE)
  stall(alice, bob)
  t.match(court.judge.why(alice).evidence, [{ kind: 'timeout', times: 2, excused: 1 }])
  t.match(court.judge.why(bob).evidence, [{ kind: 'timeout', times: 1, excused: 1, weight: 0 }])
})

t.test('a pardon ends a ban and forgets the evidence; forgetting leaves the ban', async t => {
  const court = await openCourt(t)
  for (const peer of [alice, bob]) {
    court.deliver(peer, 1000)
    for (let time = 0; time < 2; time++) court.peers.report(peer, 'invalid-block', 'wrong')
  }
  t.match(court.judge.status(), { knownPeers: 2, bannedPeers: 2, bans: [{ kind: 'invalid-block' }, {}] })
  t.equal(await court.judge.pardon(alice), true)
  t.notOk(court.judge.isBanned(alice))
  t.match(court.judge.why(alice), { score: STRANGER_SCORE, evidence: [], earlierBans: 0 })
  t.equal(court.judge.why(alice).credit.verifiedBytes, 0)
  t.equal(await court.judge.pardon(alice), false)
  t.equal(court.storage.index.bucket('reputation/bans').size(), 1, 'it is durable')
  court.peers.forget(bob)
  t.same(court.judge.why(bob).evidence, [])
  t.ok(court.judge.isBanned(bob))
})

t.test('bans and evidence outlast a restart; time off takes no time', async t => {
  const directory = t.testdir()
  const disk = await open(directory)
  const first = await openCourt(t, {}, disk)
  for (let time = 0; time < 2; time++) first.peers.report(alice, 'invalid-block', 'wrong')
  first.peers.report(bob, 'protocol-violation', 'what?')
  first.connect(bob)
  first.pass(HOUR_MS / 4)
  const before = first.judge.why(bob)
  await first.judge.close()
  await disk.close()

  const again = await open(directory)
  t.teardown(() => again.close())
  const second = await openCourt(t, {}, again)
  t.equal(second.judge.why(alice).ban?.endsInMs, (HOUR_MS * 3) / 4)
  const after = second.judge.why(bob)
  t.ok(Math.abs(after.score - before.score) < 1e-6)
  t.match(after.evidence, [{ kind: 'protocol-violation', times: 1, detail: 'what?' }])
  second.pass((HOUR_MS * 3) / 4)
  t.notOk(second.judge.isBanned(alice))
})

t.test('a node on which nothing happens writes nothing', async t => {
  const court = await openCourt(t)
  const clock = court.storage.bookkeeping.bucket('reputation/clock')
  const uptime = (): number => Number(Buffer.from([...clock.entries()][0]?.[1] ?? []).toString())
  court.pass(HOUR_MS)
  t.equal(clock.size(), 0)
  court.connect(bob)
  court.deliver(bob, 1000)
  court.pass(60_000)
  const savedMs = uptime()
  t.ok(savedMs > HOUR_MS)
  court.pass(HOUR_MS)
  t.equal(uptime(), savedMs)
  for (let time = 0; time < 2; time++) court.peers.report(alice, 'invalid-block', 'wrong')
  court.pass(HOUR_MS / 2)
  t.ok(uptime() > savedMs + HOUR_MS, 'but while a ban is to end')
})

t.test('a ban outlasts a crash that loses the evidence and the uptime, and is not longer by it', async t => {
  const directory = t.testdir()
  const disk = await open(join(directory, 'first'))
  t.teardown(() => disk.close())
  const first = await openCourt(t, {}, disk)
  first.connect(bob)
  first.pass(10 * HOUR_MS)
  for (let time = 0; time < 2; time++) first.peers.report(alice, 'invalid-block', 'wrong')
  // Writes come one after the other: with this one the ban is on disk.
  await first.judge.pardon(carol)
  const left = [...disk.index.bucket('reputation/bans').entries()]
  t.equal(left.length, 1)

  const another = await open(join(directory, 'second'))
  t.teardown(() => another.close())
  await another.index.write(batch => {
    for (const [key, value] of left) batch.put(another.index.bucket('reputation/bans'), key, value)
  })
  const second = await openCourt(t, {}, another)
  t.equal(second.judge.why(alice).ban?.endsInMs, HOUR_MS)
})
