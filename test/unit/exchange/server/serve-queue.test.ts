import t from 'tap'
import { ServeQueue } from '../../../../plugins/exchange/server/serve-queue.ts'

const item = (peer: string, bytes: number, name = peer) => ({ asker: { peer }, bytes, name })

t.test('what is read waits for room, and the peers take turns', async t => {
  const queue = new ServeQueue<ReturnType<typeof item>>({ maxItems: 100, maxReadAheadBytes: 40 })
  for (let round = 0; round < 4; round++) for (const peer of ['a', 'b']) queue.add(item(peer, 10))
  const taken: string[] = []
  for (let next = queue.next(); next; next = queue.next()) taken.push(next.name)
  t.same(taken, ['a', 'b', 'a'], 'something is left for a third')
  t.equal(queue.readAheadBytes, 30)
  queue.give('a', 10)
  t.equal(queue.next()?.name, 'b', 'who has had less')
  t.equal(queue.size, 4)
})

t.test('a queue that is bounded refuses, and leaves room for who comes late', async t => {
  const queue = new ServeQueue<ReturnType<typeof item>>({ maxItems: 100, maxReadAheadBytes: 1000 })
  queue.limit({ queuedBytes: 100, readAheadBytes: 10 })
  let added = 0
  while (queue.add(item('hog', 10))) added++
  t.equal(added, 5, 'half of it')
  t.ok(queue.add(item('late', 10)))
  queue.remove(item('hog', 10))
  t.equal(queue.size, 6, 'what never was there is not removed')
  const first = queue.next()
  t.ok(first)
  t.equal(queue.size, 5)
  t.ok(queue.add(item('third', 10)), 'what is being read has left the queue')
})

t.test('places are shared out, too: small blocks take memory as large ones do', async t => {
  const queue = new ServeQueue<ReturnType<typeof item>>({ maxItems: 100, maxReadAheadBytes: 1 })
  let added = 0
  while (queue.add(item('hog', 0))) added++
  t.equal(added, 50, 'half of them')
  t.ok(queue.add(item('late', 1)))
  t.ok(queue.next())
  t.ok(queue.add(item('hog', 0)), 'what is being read has left its place')
  t.notOk(queue.add(item('hog', 0)))
  t.equal([...queue.drain()].length, 51)
  for (let at = 0; at < 50; at++) queue.add(item('hog', 0))
  t.equal(queue.size, 50)
})

t.test('all that waits can be sent away', async t => {
  const queue = new ServeQueue<ReturnType<typeof item>>({ maxItems: 100, maxReadAheadBytes: 10 })
  queue.limit({ queuedBytes: 1000, readAheadBytes: 10 })
  for (const peer of ['a', 'b', 'a']) queue.add(item(peer, 10))
  t.ok(queue.next(), 'one is being read, and there is no room for more')
  t.equal(queue.next(), undefined)
  t.equal([...queue.drain()].length, 2)
  t.equal(queue.size, 0)
  t.ok(queue.add(item('a', 500)), 'and its room is free again')
})
