import fc from 'fast-check'
import t from 'tap'
import { Turns } from '../../../../plugins/exchange/server/turns.ts'

const anything = (): boolean => true

t.test('peers are served by bytes, not by wants', async t => {
  const turns = new Turns<{ peer: string; bytes: number }>()
  for (let count = 0; count < 40; count++) turns.add('small', { peer: 'small', bytes: 10 })
  for (let count = 0; count < 40; count++) turns.add('large', { peer: 'large', bytes: 100 })
  const bytes = { small: 0, large: 0 }
  for (let count = 0; count < 33; count++) {
    const next = turns.next(anything)
    if (next) bytes[next.peer as 'small' | 'large'] += next.bytes
  }
  t.equal(bytes.small, 300)
  t.equal(bytes.large, 300)
})

t.test('one that comes late is neither starved nor put before all', async t => {
  const turns = new Turns<{ peer: string; bytes: number }>()
  for (let count = 0; count < 40; count++) turns.add('a', { peer: 'a', bytes: 10 })
  for (let count = 0; count < 20; count++) turns.next(anything)
  for (let count = 0; count < 20; count++) turns.add('b', { peer: 'b', bytes: 10 })
  const order = Array.from({ length: 10 }, () => turns.next(anything)?.peer)
  t.equal(order.filter(peer => peer === 'b').length, 5)
})

t.test('who takes its wants back and asks anew has had what it had', async t => {
  const turns = new Turns<{ peer: string; bytes: number }>()
  for (let count = 0; count < 40; count++) turns.add('honest', { peer: 'honest', bytes: 10 })
  let own = { peer: 'cheat', bytes: 10 }
  turns.add('cheat', own)
  const order: (string | undefined)[] = []
  for (let count = 0; count < 20; count++) {
    order.push(turns.next(anything)?.peer)
    turns.remove('cheat', own)
    own = { peer: 'cheat', bytes: 10 }
    turns.add('cheat', own)
  }
  t.equal(order.filter(peer => peer === 'honest').length, 10)
})

t.test('of those that wait for nothing a bounded number is remembered', async t => {
  const turns = new Turns<{ peer: string; bytes: number }>()
  turns.add('first', { peer: 'first', bytes: 10 })
  turns.next(anything)
  for (let count = 0; count < 2000; count++) {
    turns.add(`${count}`, { peer: `${count}`, bytes: 10 })
    turns.next(anything)
  }
  turns.add('1999', { peer: '1999', bytes: 10 })
  turns.add('first', { peer: 'first', bytes: 10 })
  t.equal(turns.next(anything)?.peer, 'first', 'who rests longest is forgotten')
})

t.test('a peer that may not take is passed over', async t => {
  const turns = new Turns<{ peer: string; bytes: number }>()
  turns.add('a', { peer: 'a', bytes: 10 })
  turns.add('b', { peer: 'b', bytes: 10 })
  t.equal(turns.next(peer => peer === 'b')?.peer, 'b')
  t.equal(
    turns.next(peer => peer === 'b'),
    undefined,
  )
  t.equal(turns.size, 1)
})

t.test('all is served once, each peer in its order, unless removed', async () => {
  const step = fc.record({
    peer: fc.nat(3),
    bytes: fc.nat(100),
    what: fc.constantFrom('add', 'add', 'next', 'remove'),
  })
  fc.assert(
    fc.property(fc.array(step), steps => {
      const turns = new Turns<{ peer: string; bytes: number; at: number }>()
      const waiting: { peer: string; bytes: number; at: number }[] = []
      for (const [at, { peer, bytes, what }] of steps.entries()) {
        const item = { peer: `${peer}`, bytes, at }
        if (what === 'add') {
          turns.add(item.peer, item)
          waiting.push(item)
        } else {
          const taken =
            what === 'next' ? turns.next(anything) : waiting.findLast(other => other.peer === item.peer)
          if (what === 'remove' && taken && !turns.remove(taken.peer, taken)) return false
          if (what === 'next' && taken !== waiting.find(other => other.peer === taken?.peer)) return false
          if (taken) waiting.splice(waiting.indexOf(taken), 1)
        }
        if (turns.size !== waiting.length) return false
      }
      return true
    }),
  )
})
