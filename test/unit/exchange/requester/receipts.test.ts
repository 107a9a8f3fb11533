import t from 'tap'
import type { Link } from '../../../../plugins/exchange/requester/link.ts'
import { Receipts } from '../../../../plugins/exchange/requester/receipts.ts'

t.test('what comes in one turn is told once, by link', async t => {
  const told: unknown[] = []
  const receipts = new Receipts(({ id }, receipt) => told.push([id, receipt]))
  const first = { id: 'first' } as Link
  const second = { id: 'second' } as Link
  receipts.add(first, 10)
  receipts.add(second, 1)
  receipts.add(first, 5)
  t.same(told, [], 'nothing within the turn')
  await null
  const sums = [
    ['first', { blocks: 2, bytes: 15 }],
    ['second', { blocks: 1, bytes: 1 }],
  ]
  t.same(told, sums)
  receipts.add(first, 7)
  await null
  t.same(told, [...sums, ['first', { blocks: 1, bytes: 7 }]], 'nothing is told twice')
})
