import fc from 'fast-check'
import t from 'tap'
import { RecordSum } from '../../../core/storage/record-sum.ts'

const record = fc.tuple(
  fc.constantFrom('#32', '#33', '#3'),
  fc.uint8Array({ minLength: 1, maxLength: 20 }),
  fc.uint8Array({ maxLength: 20 }),
)

t.test('records come and go in any order', async () => {
  fc.assert(
    fc.property(fc.array(record), fc.array(record), (kept, gone) => {
      const sum = new RecordSum()
      for (const [table, key, value] of [...gone, ...kept]) sum.add(table, key, value)
      for (const [table, key, value] of gone.toReversed()) sum.remove(table, key, value)
      const fresh = new RecordSum()
      for (const [table, key, value] of kept.toReversed()) fresh.add(table, key, value)
      return sum.equals(fresh) && RecordSum.decode(sum.encode())?.equals(fresh) === true
    }),
  )
})

t.test('no record passes for another', async t => {
  const of = (table: string, key: string, value: string): RecordSum => {
    const sum = new RecordSum()
    sum.add(table, Buffer.from(key), Buffer.from(value))
    return sum
  }
  const sums = [
    of('#3', '3a', 'b'),
    of('#33', 'a', 'b'),
    of('#3', '3', 'ab'),
    of('#3', '3ab', ''),
    new RecordSum(),
  ]
  for (const [i, sum] of sums.entries()) for (const other of sums.slice(i + 1)) t.notOk(sum.equals(other))
  t.equal(RecordSum.decode(new Uint8Array(15)), undefined)
})
