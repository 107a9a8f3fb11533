import fc from 'fast-check'
import t from 'tap'
import { bestFirst, type Duplicate, redundant, SETTLE_MS } from '../../../core/network/duplicates.ts'

const LONG = 10 * SETTLE_MS

function connection(id: string, facts: Partial<Duplicate> = {}): Duplicate & { readonly id: string } {
  return { id, direction: 'outbound', isDirect: true, ageMs: LONG, isBusy: false, ...facts }
}

const ids = (all: readonly { readonly id: string }[]): string[] => all.map(({ id }) => id)

t.test('of two that crossed, both ends keep the one that the smaller id has dialed', async t => {
  const [mine, theirs] = [connection('mine'), connection('theirs', { direction: 'inbound' })]
  t.strictSame(ids(redundant([mine, theirs], true)), ['theirs'])
  t.strictSame(ids(redundant([mine, theirs], false)), ['mine'])
})

t.test('one that is busy stays, whichever it is', async t => {
  const mine = connection('mine')
  const busy = connection('busy', { direction: 'inbound', isBusy: true })
  t.strictSame(redundant([mine, busy], true), [])
})

t.test('relayed ones go once a direct one has lasted', async t => {
  const relayed = [connection('r1', { isDirect: false }), connection('r2', { isDirect: false })]
  t.strictSame(redundant(relayed, true), [], 'they stand in for each other')
  t.strictSame(redundant([...relayed, connection('direct', { ageMs: SETTLE_MS - 1 })], true), [], 'not yet')
  t.strictSame(ids(redundant([...relayed, connection('direct', { ageMs: SETTLE_MS })], true)), ['r1', 'r2'])
})

t.test('the one with the larger id lets the other one act first', async t => {
  const both = [connection('old'), connection('new', { ageMs: SETTLE_MS })]
  t.strictSame(ids(redundant(both, true)), ['new'])
  t.strictSame(redundant(both, false), [])
})

const facts = fc.record({
  direction: fc.constantFrom('inbound' as const, 'outbound' as const),
  isDirect: fc.boolean(),
  ageMs: fc.integer({ min: 0, max: LONG }),
  isBusy: fc.boolean(),
})
const several = fc
  .array(facts, { minLength: 1, maxLength: 6 })
  .map(all => all.map((one, id) => ({ id, ...one })))

t.test('the best always stays, and so does what is busy', async () => {
  fc.assert(
    fc.property(several, fc.boolean(), (all, isSmaller) => {
      const gone = redundant(all, isSmaller)
      const [best] = bestFirst(all, isSmaller)
      return best !== undefined && !gone.includes(best) && gone.every(({ isBusy }) => !isBusy)
    }),
  )
})

t.test('two ends that see the same never close all that there are', async () => {
  fc.assert(
    fc.property(several, all => {
      // What one end has dialed came in at the other.
      const there = all.map(one => ({
        ...one,
        direction: one.direction === 'inbound' ? ('outbound' as const) : ('inbound' as const),
      }))
      const gone = new Set([...redundant(all, true), ...redundant(there, false)].map(({ id }) => id))
      return gone.size < all.length
    }),
  )
})
