import fc from 'fast-check'
import t from 'tap'
import {
  type Ask,
  assign,
  isOverdue,
  latePeers,
  MAX_ASKS,
  type Move,
  type PlannedPeer,
  type PlannedWant,
  type Standing,
  steal,
} from '../../../../plugins/exchange/requester/planner.ts'
import { Session } from '../../../../plugins/exchange/requester/session.ts'

const KIB = 1024

function peer(id: string, changes: Partial<PlannedPeer> = {}): PlannedPeer {
  return {
    id,
    roomBytes: 1000 * KIB,
    roomWants: 100,
    outstandingBytes: 0,
    bytesPerMs: KIB,
    latencyMs: 1,
    ...changes,
  }
}

interface TestWant extends PlannedWant {
  readonly standings: Map<string, Standing>
  readonly asks: Map<string, Ask>
  readonly session: Session
}

const idle = { fetchAll: () => Promise.reject(new Error('not here')), close: () => undefined }

function want(changes: Partial<TestWant> = {}): TestWant {
  const session = changes.session ?? new Session(idle)
  return {
    bytes: 100 * KIB,
    standings: new Map(),
    asks: new Map(),
    digest: 0,
    anyOrder: false,
    ordinal: session.nextOrdinal(),
    session,
    ...changes,
  }
}

/** Moves as text: `peer MODE`. */
function told(moves: readonly Move<unknown>[]): string[] {
  return moves.map(({ peer, mode }) => `${peer} ${mode}`)
}

const ROOM = 1_000_000 * KIB

t.test(
  'of holders as fast the one goes first that behaved better; it is no less patient with it',
  async t => {
    const holders = (changes: Partial<PlannedPeer>): PlannedPeer[] => [
      peer('good', { handicap: 0.75, ...changes }),
      peer('stranger'),
      peer('doubtful', { handicap: 4 }),
    ]
    const all = ['doubtful', 'stranger', 'good']
    const held = () => want({ standings: new Map(all.map(id => [id, 'has' as const])) })
    const blocks = (peers: PlannedPeer[]) =>
      assign([held()], peers, ROOM).filter(({ mode }) => mode === 'BLOCK')
    t.same(told(blocks(holders({}))), ['good BLOCK'])
    t.same(told(blocks(holders({ bytesPerMs: KIB / 2 }))), ['stranger BLOCK'], 'speed counts, too')
    const [alone] = blocks([peer('doubtful', { handicap: 4 })])
    const [fair] = blocks([peer('stranger')])
    t.match([alone, fair], [{ peer: 'doubtful', etaMs: fair?.etaMs }, { peer: 'stranger' }])
  },
)

t.test('while no holder is known, everybody is asked whether they have it', async t => {
  t.same(told(assign([want()], [peer('a'), peer('b')], ROOM)), ['a HAVE', 'b HAVE'])
  const answered = want({
    standings: new Map([
      ['a', 'missing'],
      ['b', 'asked'],
    ]),
  })
  t.same(told(assign([answered], [peer('a'), peer('b'), peer('c')], ROOM)), ['c HAVE'])
})

t.test('the holder that should deliver first is asked', async t => {
  const standings = (): Map<string, Standing> =>
    new Map([
      ['slow', 'has'],
      ['quick', 'has'],
      ['none', 'missing'],
    ])
  const peers = [peer('none'), peer('slow'), peer('quick', { bytesPerMs: 3 * KIB })]
  const moves = assign(
    Array.from({ length: 4 }, () => want({ standings: standings() })),
    peers,
    ROOM,
  )
  t.same(told(moves), ['quick BLOCK', 'quick BLOCK', 'slow BLOCK', 'quick BLOCK'])
})

t.test('a provider of the session is asked for its next blocks at once', async t => {
  const session = new Session(idle)
  session.found('a')
  t.same(told(assign([want({ session })], [peer('a')], ROOM)), ['a BLOCK'])
  t.same(told(assign([want({ session, standings: new Map([['a', 'missing']]) })], [peer('a')], ROOM)), [])
})

t.test('a peer that had nothing so far is asked ever more rarely', async t => {
  const session = new Session(idle)
  session.found('a')
  let probes = 0
  for (let count = 0; count < 1000; count++) {
    for (const { mode } of assign([want({ session })], [peer('a'), peer('b')], ROOM)) {
      if (mode === 'BLOCK') continue
      probes++
      session.missed('b')
    }
  }
  t.ok(probes > 3 && probes < 12, `${probes} times`)
})

t.test('windows are kept, but a block alone always fits', async t => {
  const session = new Session(idle)
  session.found('a')
  const three = (): TestWant[] => [want({ session }), want({ session }), want({ session })]
  t.equal(assign(three(), [peer('a', { roomBytes: 250 * KIB })], ROOM).length, 2)
  t.equal(assign(three(), [peer('a', { roomBytes: 50 * KIB })], ROOM).length, 1)
  t.equal(assign(three(), [peer('a', { roomBytes: 50 * KIB, outstandingBytes: 1 })], ROOM).length, 0)
  t.equal(assign(three(), [peer('a', { roomWants: 1 })], ROOM).length, 1)
  t.equal(assign(three(), [peer('a')], 150 * KIB).length, 1, 'and so is the limit of all peers together')
})

t.test('a large block that waits for room is not overtaken', async t => {
  const session = new Session(idle)
  session.found('a')
  const wants = [want({ session, bytes: 300 * KIB }), want({ session, bytes: KIB })]
  t.same(assign(wants, [peer('a', { roomBytes: 200 * KIB, outstandingBytes: 1 })], ROOM), [])
})

t.test('what is late is asked of one more peer', async t => {
  const session = new Session(idle)
  session.found('a')
  session.found('b')
  const late = want({ session, asks: new Map([['a', { sinceMs: 0, dueMs: 400 }]]) })
  const plan = (nowMs: number, endgame = false): string[] =>
    told(steal([late], [peer('a'), peer('b')], { roomBytes: ROOM, nowMs, endgame }))
  t.same(plan(1200), [])
  t.same(plan(1201), ['b BLOCK'])
  late.asks.set('b', { sinceMs: 1201, dueMs: 1300 })
  t.same(plan(90_000), [], 'and of no third')
})

t.test('what comes in any order is waited for until the endgame', async t => {
  const session = new Session(idle)
  session.found('a')
  session.found('b')
  const late = want({ session, anyOrder: true, asks: new Map([['a', { sinceMs: 0, dueMs: 400 }]]) })
  const plan = (endgame: boolean): string[] =>
    told(steal([late], [peer('a'), peer('b')], { roomBytes: ROOM, nowMs: 90_000, endgame }))
  t.same(plan(false), [])
  t.same(plan(true), ['b BLOCK'])
})

t.test('a sharer is asked of each block whether it has it', async t => {
  const session = new Session(idle)
  session.found('a')
  session.missed('b')
  session.found('b')
  for (let count = 0; count < 3; count++) {
    t.same(told(assign([want({ session })], [peer('a'), peer('b')], ROOM)), ['a BLOCK', 'b HAVE'])
    session.missed('b')
  }
})

t.test('what waits for a full peer does not hide what a sharer has', async t => {
  const session = new Session(idle)
  session.found('a')
  session.missed('b')
  session.found('b')
  const waiting = Array.from({ length: 200 }, () => want({ session, standings: new Map([['b', 'missing']]) }))
  const shared = want({ session, standings: new Map([['b', 'has']]) })
  const moves = assign(
    [...waiting, shared],
    [peer('a', { roomBytes: 0, outstandingBytes: 1 }), peer('b')],
    ROOM,
  )
  t.same(told(moves), ['b BLOCK'])
})

t.test('in the endgame a quicker peer takes over before it is late', async t => {
  const session = new Session(idle)
  session.found('a')
  session.found('b')
  const slow = want({ session, asks: new Map([['a', { sinceMs: 0, dueMs: 1000 }]]) })
  const plan = (nowMs: number, endgame: boolean): string[] =>
    told(steal([slow], [peer('a'), peer('b')], { roomBytes: ROOM, nowMs, endgame }))
  t.same(plan(0, false), [])
  t.same(plan(0, true), ['b BLOCK'])
  t.same(plan(900, true), [], 'not what is about to arrive')
})

t.test('who owes for too long is late', async t => {
  const owed = want({
    asks: new Map([
      ['a', { sinceMs: 0, dueMs: 400 }],
      ['b', { sinceMs: 1000, dueMs: 1400 }],
    ]),
  })
  t.same([...latePeers([owed], 1200)], [])
  t.same([...latePeers([owed], 1201)], ['a'])
})

t.test('patience grows with the estimate', async t => {
  t.notOk(isOverdue({ sinceMs: 0, dueMs: 1 }, 1000))
  t.ok(isOverdue({ sinceMs: 0, dueMs: 1 }, 1001))
  t.notOk(isOverdue({ sinceMs: 0, dueMs: 1000 }, 3000))
})

/** A swarm in which peers answer in any order; checks each plan and runs until all that can arrive has. */
const swarm = fc.record({
  peers: fc.array(
    fc.record({
      windowKib: fc.integer({ min: 1, max: 500 }),
      wants: fc.integer({ min: 1, max: 20 }),
      speed: fc.integer({ min: 1, max: 5000 }),
    }),
    { minLength: 1, maxLength: 6 },
  ),
  wants: fc.array(
    fc.record({ bytes: fc.integer({ min: 0, max: 300 * KIB }), holders: fc.uint8Array({ maxLength: 4 }) }),
    { minLength: 1, maxLength: 60 },
  ),
  limitKib: fc.integer({ min: 300, max: 2000 }),
  order: fc.infiniteStream(fc.nat()),
})

t.test('every want that somebody has is delivered, within all bounds', async () => {
  fc.assert(
    fc.property(swarm, ({ peers, wants, limitKib, order }) => {
      const session = new Session(idle)
      const open = new Map(
        wants.map(({ bytes, holders }) => {
          const ids = new Set([...holders].map(index => `p${index % peers.length}`))
          return [want({ session, bytes }), ids] as const
        }),
      )
      const findable = [...open.values()].filter(({ size }) => size > 0).length
      const asked = peers.map(() => new Map<TestWant, 'BLOCK' | 'HAVE'>())
      let delivered = 0
      let nowMs = 0

      const bytesOf = (index: number): number =>
        [...(asked[index] ?? [])].reduce((sum, [{ bytes }, mode]) => sum + (mode === 'BLOCK' ? bytes : 0), 0)
      const inFlight = (): number => peers.reduce((sum, _, index) => sum + bytesOf(index), 0)
      const seats = (): PlannedPeer[] =>
        peers.map(({ windowKib, wants: most, speed }, index) =>
          peer(`p${index}`, {
            roomBytes: windowKib * KIB - bytesOf(index),
            roomWants: most - (asked[index]?.size ?? 0),
            outstandingBytes: bytesOf(index),
            bytesPerMs: speed,
          }),
        )
      const carryOut = (moves: Move<TestWant>[]): void => {
        for (const { want, peer: id, mode, etaMs } of moves) {
          const index = Number(id.slice(1))
          const questions = asked[index]
          if (!questions || questions.has(want)) throw new Error(`${id} is asked twice at once`)
          if (mode === 'BLOCK') {
            const before = bytesOf(index)
            if (before > 0 && before + want.bytes > (peers[index]?.windowKib ?? 0) * KIB)
              throw new Error('window passed')
            if (want.asks.size >= MAX_ASKS) throw new Error('asked of too many')
            if (inFlight() + want.bytes > limitKib * KIB) throw new Error('limit passed')
            want.asks.set(id, { sinceMs: nowMs, dueMs: nowMs + etaMs })
          } else {
            want.standings.set(id, 'asked')
          }
          questions.set(want, mode)
          if (questions.size > (peers[index]?.wants ?? 0))
            throw new Error('more wants than there is room for')
        }
      }
      const answer = (index: number, want: TestWant, mode: 'BLOCK' | 'HAVE'): void => {
        const id = `p${index}`
        asked[index]?.delete(want)
        const has = open.get(want)?.has(id)
        if (!open.has(want)) return
        if (!has) {
          want.asks.delete(id)
          want.standings.set(id, 'missing')
          session.missed(id)
        } else if (mode === 'HAVE') {
          want.standings.set(id, 'has')
          session.found(id)
        } else {
          delivered++
          session.found(id)
          open.delete(want)
        }
      }

      for (let turn = 0; turn < 5000; turn++) {
        nowMs += 400
        const room = (): number => limitKib * KIB - inFlight()
        const pending = [...open.keys()].filter(({ asks }) => asks.size === 0)
        carryOut(assign(pending, seats(), room()))
        const flying = [...open.keys()].filter(({ asks }) => asks.size > 0)
        carryOut(steal(flying, seats(), { roomBytes: room(), nowMs, endgame: pending.length === 0 }))
        const questions = asked.flatMap((of, index) =>
          [...of].map(([want, mode]) => [index, want, mode] as const),
        )
        if (questions.length === 0) break
        const next = questions[(order.next().value ?? 0) % questions.length]
        if (next) answer(...next)
      }
      return delivered === findable
    }),
    { numRuns: 300 },
  )
})
