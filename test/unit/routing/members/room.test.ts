import fc from 'fast-check'
import t from 'tap'
import { type Claim, roomFor } from '../../../../plugins/routing/members/room.ts'

const ROOM = { maxPeers: 4, maxBytes: 100 }
const NEW = { isFollowed: true, finds: 0 }
const claim = (name: string, bytes: number, more: Partial<Claim> = {}): Claim & { name: string } => {
  return { name, bytes, ...NEW, ...more }
}

const cases: Record<string, { bytes: number; others: ReturnType<typeof claim>[]; leaves: string[] | null }> =
  {
    'room for all': { bytes: 40, others: [claim('a', 60)], leaves: [] },
    'who is there stays': { bytes: 41, others: [claim('a', 60)], leaves: null },
    'more than there could be': { bytes: 101, others: [], leaves: null },
    'one that left goes, though it was of use': {
      bytes: 41,
      others: [claim('a', 30, { isFollowed: false, finds: 9 }), claim('b', 30)],
      leaves: ['a'],
    },
    'of those that left the least useful goes': {
      bytes: 41,
      others: [
        claim('a', 30, { isFollowed: false, finds: 9 }),
        claim('b', 30, { isFollowed: false, finds: 8 }),
      ],
      leaves: ['b'],
    },
    'of equal ones the last who came goes': {
      bytes: 41,
      others: [claim('a', 30, { isFollowed: false }), claim('b', 30, { isFollowed: false })],
      leaves: ['b'],
    },
    'too many peers': {
      bytes: 1,
      others: [claim('a', 1), claim('b', 1), claim('c', 1), claim('d', 1, { isFollowed: false })],
      leaves: ['d'],
    },
    'nobody goes in vain': {
      bytes: 80,
      others: [claim('a', 10, { isFollowed: false }), claim('b', 50)],
      leaves: null,
    },
  }

t.test('who is left out', async t => {
  for (const [name, { bytes, others, leaves }] of Object.entries(cases))
    t.same(roomFor(ROOM, NEW, bytes, others)?.map(other => other.name) ?? null, leaves, name)
})

t.test('one that is of use and grows takes the place of one that is of less', async t => {
  const others = [claim('a', 30, { finds: 3 }), claim('b', 30, { finds: 7 })]
  t.same(roomFor(ROOM, { ...NEW, finds: 5 }, 60, others), [others[0]])
})

t.test('bounds hold, and nobody of equal or more worth goes', async () => {
  const any = fc.record({
    bytes: fc.integer({ min: 0, max: 60 }),
    isFollowed: fc.boolean(),
    finds: fc.integer({ min: 0, max: 3 }),
  })
  fc.assert(
    fc.property(any, fc.array(any, { maxLength: 6 }), (own, others) => {
      const left = roomFor(ROOM, own, own.bytes, others)
      const worth = ({ isFollowed, finds }: Pick<Claim, 'isFollowed' | 'finds'>): number =>
        Number(isFollowed) * 10 + finds
      const stay = others.filter(other => (left ? !left.includes(other) : worth(other) >= worth(own)))
      const sum = stay.reduce((sum, { bytes }) => sum + bytes, own.bytes)
      const fits = sum <= ROOM.maxBytes && stay.length + 1 <= ROOM.maxPeers
      if (!left) return !fits
      return fits && left.every(other => worth(other) < worth(own))
    }),
  )
})
