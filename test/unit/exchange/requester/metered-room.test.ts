import fc from 'fast-check'
import t from 'tap'
import {
  type Ask,
  assign,
  type PlannedPeer,
  type PlannedWant,
  type Standing,
  steal,
} from '../../../../plugins/exchange/requester/planner.ts'
import { Session } from '../../../../plugins/exchange/requester/session.ts'

const MIB = 1024 * 1024
const ROOM = 1000 * MIB

/** Has room for a hundred blocks; the first asked for is the one that answers soonest. */
function peer(id: string, latencyMs: number): PlannedPeer {
  return { id, roomBytes: 100 * MIB, roomWants: 100, outstandingBytes: 0, bytesPerMs: 1e6, latencyMs }
}

function wants(count: number, holders: readonly string[], bytes = MIB): PlannedWant[] {
  const session = new Session({
    fetchAll: () => Promise.reject(new Error('not here')),
    close: () => undefined,
  })
  return Array.from({ length: count }, () => ({
    bytes,
    standings: new Map(holders.map(id => [id, 'has' as Standing])),
    asks: new Map<string, Ask>(),
    digest: 0,
    anyOrder: false,
    ordinal: session.nextOrdinal(),
    session,
  }))
}

const away = peer('away', 1)
const home = peer('home', 10)

t.test('metered peers together are asked for no more than there is room for, and a block more', async t => {
  const room = (roomBytes: number) => ({ peers: new Set(['away', 'beyond']), roomBytes })
  const asked = (roomBytes: number): number =>
    assign(wants(9, ['away', 'beyond']), [away, peer('beyond', 1)], ROOM, room(roomBytes)).length
  t.equal(asked(0), 0)
  t.equal(asked(-MIB), 0)
  t.equal(asked(1), 1, 'a window smaller than a block still makes progress')
  t.equal(asked(2 * MIB), 2)
  t.equal(asked(2 * MIB + 1), 3)
  t.equal(asked(Number.POSITIVE_INFINITY), 9)
})

t.test('who is exempt is asked all the same', async t => {
  const moves = assign(wants(9, ['away', 'home']), [away, home], ROOM, {
    peers: new Set(['away']),
    roomBytes: 1,
  })
  t.equal(moves.filter(move => move.peer === 'away').length, 1)
  t.equal(moves.filter(move => move.peer === 'home').length, 8)
})

t.test('what is late is taken over only by who has room', async t => {
  const late = wants(3, ['slow', 'away', 'home'])
  for (const want of late) (want.asks as Map<string, Ask>).set('slow', { sinceMs: 0, dueMs: 1 })
  const options = { roomBytes: ROOM, nowMs: 60_000, endgame: true }
  const metered = { peers: new Set(['away', 'slow']), roomBytes: 0 }
  t.equal(steal(late, [away], { ...options, metered }).length, 0)
  t.equal(steal(late, [away, home], { ...options, metered }).filter(move => move.peer === 'home').length, 3)
  t.equal(steal(late, [away], options).length, 3, 'without a cap by anybody')
})

t.test('the room holds for blocks of all sizes', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 2 * MIB }), { maxLength: 40 }),
      fc.integer({ min: -MIB, max: 20 * MIB }),
      (sizes, roomBytes) => {
        const all = sizes.flatMap(bytes => wants(1, ['away', 'beyond'], bytes))
        const moves = assign(all, [away, peer('beyond', 3)], ROOM, {
          peers: new Set(['away', 'beyond']),
          roomBytes,
        })
        const asked = moves.map(({ want }) => want.bytes)
        const allButLast = asked.slice(0, -1).reduce((sum, bytes) => sum + bytes, 0)
        if (roomBytes <= 0 || sizes.length === 0) return asked.length === 0
        return asked.length > 0 && allButLast < roomBytes
      },
    ),
  )
})
