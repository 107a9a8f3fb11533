import fc from 'fast-check'
import t from 'tap'
import { STRANGER_SCORE } from '../../../plugins/reputation/score.ts'
import { type Court, createPeerIds, HOUR_MS, openCourt } from './fixture.ts'

const SECOND_MS = 1000
const MIB = 1024 * 1024
const PEERS = 64
/** As the exchange has it. */
const STALL_MS = 30 * SECOND_MS

const peers = await createPeerIds(PEERS)
type Peer = (typeof peers)[number]

/** What peers do, second by second. */
type Play = Map<number, (() => void)[]>

function run(court: Court, seconds: number, play: Play, each: (second: number) => void = () => {}): void {
  for (let second = 0; second < seconds; second++) {
    for (const act of play.get(second) ?? []) act()
    each(second)
    court.pass(SECOND_MS)
  }
}

const at = (play: Play, second: number, act: () => void): void => {
  play.set(second, [...(play.get(second) ?? []), act])
}

async function connected(t: Parameters<typeof openCourt>[0]): Promise<Court> {
  const court = await openCourt(t)
  for (const peer of peers) {
    court.connect(peer, '/ip4/8.8.8.8/tcp/4001')
    court.deliver(peer, 16 * MIB)
  }
  court.pass(120 * SECOND_MS)
  return court
}

/**
 * One loss of the uplink, after second 10, for 60 seconds: who owed a block stalls half a minute after the loss, whoever is asked
 * meanwhile half a minute after that; idle peers go silent and are cut as they are probed; all come back when the link does.
 */
function outage(
  court: Court,
  active: readonly Peer[],
  askedAt: readonly number[],
  probedAt: readonly number[],
): Play {
  const play: Play = new Map()
  const stallS = STALL_MS / SECOND_MS
  for (const peer of active) at(play, 10 + stallS, () => court.peers.report(peer, 'timeout', 'stalled'))
  for (const [index, second] of askedAt.entries()) {
    const peer = peers[(index * 7) % PEERS] as Peer
    at(play, 10 + second + stallS, () => court.peers.report(peer, 'timeout', 'stalled'))
  }
  for (const [index, second] of probedAt.entries()) {
    const peer = peers[index] as Peer
    if (second < 56)
      at(play, 14 + second, () => court.events.emit('peer:liveness', { peer, liveness: 'suspect' }))
    if (second >= 40) continue
    at(play, 30 + second, () => court.peers.disconnected(peer))
    at(play, 71 + (index % 20), () => court.connect(peer, '/ip4/8.8.8.8/tcp/4001'))
  }
  return play
}

t.test('a node that loses its uplink for 60 s charges none of 64 peers', async t => {
  const court = await connected(t)
  const scores = peers.map(peer => court.judge.scoreOf(peer))
  const probedAt = peers.map((_, index) => index % 60)
  const askedAt = [5, 12, 20, 31, 44, 52, 59]
  const play = outage(court, peers.slice(0, 12), askedAt, probedAt)
  run(court, 100, play, second => {
    const isUp = second < 10 || second >= 70
    if (isUp) for (const peer of peers.slice(0, 12)) court.deliver(peer, MIB)
  })
  // The link came back 30 seconds ago.
  t.same(
    peers.filter(peer => court.judge.isBanned(peer)),
    [],
  )
  const worse = peers.filter((peer, index) => court.judge.scoreOf(peer) < (scores[index] ?? 1) * 0.999)
  t.same(worse, [], 'all are trusted as before')
  court.pass(20 * SECOND_MS)
  t.same(court.banned, [])
  t.equal(await court.metric('evidence_total{kind="timeout",result="excused"}'), 12 + askedAt.length)
  t.equal(await court.metric('evidence_total{kind="timeout",result="counted"}'), 0)
  // What came from the outage is over: from now on a peer answers for itself.
  court.pass(60 * SECOND_MS)
  court.peers.report(peers[0] as Peer, 'timeout', 'stalled')
  court.deliver(peers[1] as Peer, MIB)
  court.pass(20 * SECOND_MS)
  t.equal(await court.metric('evidence_total{kind="timeout",result="counted"}'), 1)
})

t.test('whoever was active and asked when', async t => {
  const court = await connected(t)
  const second = fc.integer({ min: 0, max: 59 })
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: PEERS }),
      fc.array(second, { maxLength: 20 }),
      fc.array(second, { minLength: PEERS, maxLength: PEERS }),
      (active, askedAt, probedAt) => {
        const counted = () =>
          peers
            .flatMap(peer => court.judge.why(peer).evidence)
            .filter(({ times, excused }) => times > excused)
        const play = outage(court, peers.slice(0, active), askedAt, probedAt)
        run(court, 100, play, now => {
          if (now < 10 || now >= 70) for (const peer of peers.slice(0, 12)) court.deliver(peer, MIB)
        })
        court.pass(600 * SECOND_MS)
        return counted().length === 0 && court.banned.length === 0
      },
    ),
    { numRuns: 20 },
  )
})

t.test('30 % churn for a day bans nobody', async t => {
  const court = await connected(t)
  let seed = 1
  const random = (): number => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
  const away = new Set<Peer>()
  const roundMs = 10 * 60 * SECOND_MS
  for (let round = 0; round < (24 * HOUR_MS) / roundMs; round++) {
    // All day long 30 % are away, each time others; half of those that go owe something.
    for (const peer of away) court.connect(peer)
    away.clear()
    for (const peer of peers) if (random() < 0.3) away.add(peer)
    for (const peer of away) {
      court.peers.disconnected(peer)
      if (random() < 0.5) court.peers.report(peer, 'timeout', 'stalled')
      court.pass(roundMs / PEERS)
      for (const other of peers) if (!away.has(other) && random() < 0.2) court.deliver(other, MIB)
    }
    court.pass(60 * SECOND_MS)
  }
  t.same(court.banned, [])
  for (const peer of peers) {
    if (court.judge.isBanned(peer) || court.judge.scoreOf(peer) < STRANGER_SCORE / 2)
      t.fail(`${peer} has ${court.judge.scoreOf(peer)}`)
  }
})
