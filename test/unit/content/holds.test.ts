import fc from 'fast-check'
import t from 'tap'
import { cidOf } from '../../../core/content/hashes.ts'
import { Holds } from '../../../core/content/holds.ts'

const hashOf = (number: number): Uint8Array =>
  cidOf(0x55, new TextEncoder().encode(`${number}`)).multihash.bytes

t.test('property: what any open hold was told is held', async () => {
  fc.assert(
    fc.property(fc.array(fc.nat()), fc.array(fc.nat()), (some, others) => {
      const holds = new Holds()
      const one = holds.open()
      const other = holds.open()
      for (const number of some) one.add(hashOf(number))
      for (const number of others) other.add(hashOf(number))
      one.release()
      const heldStill = [...some, ...others].every(number => holds.has(hashOf(number)))
      one.release()
      other.release()
      return heldStill && ![...some, ...others].some(number => holds.has(hashOf(number)))
    }),
  )
})

t.test('strangers are seldom taken for held', async t => {
  const holds = new Holds()
  const hold = holds.open()
  for (let number = 0; number < 10_000; number++) hold.add(hashOf(number))
  let wrong = 0
  for (let number = 10_000; number < 20_000; number++) if (holds.has(hashOf(number))) wrong += 1
  t.ok(wrong < 10, `${wrong} of 10,000`)
  hold.release()
})
