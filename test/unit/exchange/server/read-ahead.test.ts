import fc from 'fast-check'
import t from 'tap'
import { ReadAhead } from '../../../../plugins/exchange/server/read-ahead.ts'

/** How much `peer` can take in pieces of one. */
function fill(readAhead: ReadAhead, peer: string): number {
  let taken = 0
  for (; readAhead.mayTake(peer, 1); taken++) readAhead.take(peer, 1)
  return taken
}

t.test('one alone gets half, two a third each, and some is left for the next', async t => {
  const one = new ReadAhead(60)
  t.equal(fill(one, 'a'), 30)
  t.equal(fill(one, 'b'), 15)
  t.ok(fill(one, 'c') >= 7)
  t.ok(one.mayTake('d', 5))
})

t.test('a block larger than the limit goes alone', async t => {
  const readAhead = new ReadAhead(10)
  t.ok(readAhead.mayTake('a', 20))
  readAhead.take('a', 20)
  t.notOk(readAhead.mayTake('b', 1))
  readAhead.give('a', 20)
  t.equal(readAhead.usedBytes, 0)
})

t.test('the limit holds', async () => {
  const step = fc.record({ peer: fc.nat(5), bytes: fc.integer({ min: 0, max: 50 }), give: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step), steps => {
      const readAhead = new ReadAhead(100)
      const held: { peer: string; bytes: number }[] = []
      for (const { peer, bytes, give } of steps) {
        const oldest = give ? held.shift() : undefined
        if (oldest) readAhead.give(oldest.peer, oldest.bytes)
        else if (readAhead.mayTake(`${peer}`, bytes)) {
          readAhead.take(`${peer}`, bytes)
          held.push({ peer: `${peer}`, bytes })
        }
        const sum = held.reduce((total, entry) => total + entry.bytes, 0)
        if (readAhead.usedBytes !== sum || sum > 100) return false
      }
      return true
    }),
  )
})
