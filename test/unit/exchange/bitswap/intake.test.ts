import t from 'tap'
import { Intake } from '../../../../plugins/exchange/bitswap/intake.ts'
import { MAX_RECENT, Recent } from '../../../../plugins/exchange/bitswap/recent.ts'

const { signal } = new AbortController()

t.test('who has no room waits until there is some, in bounds', async t => {
  const intake = new Intake(100)
  await intake.take('a', 50, signal)
  await intake.take('b', 40, signal)
  let isIn = false
  const waiting = intake.take('c', 40, signal).then(() => {
    isIn = true
  })
  intake.give('b', 10)
  await Promise.resolve()
  t.notOk(isIn)
  t.equal(intake.usedBytes, 80)
  intake.give('a', 50)
  await waiting
  t.equal(intake.usedBytes, 70)
})

t.test('who is gone waits no longer, and takes nothing', async t => {
  const intake = new Intake(100)
  await intake.take('a', 100, signal)
  const gone = new AbortController()
  const waiting = intake.take('b', 1, gone.signal)
  gone.abort(new Error('gone'))
  await t.rejects(waiting, { message: 'gone' })
  await t.rejects(intake.take('b', 1, gone.signal), { message: 'gone' })
  intake.give('a', 100)
  t.equal(intake.usedBytes, 0)
})

t.test('what is recent is bounded, the oldest forgotten', async t => {
  const recent = new Recent()
  for (let key = 0; key <= MAX_RECENT; key++) {
    recent.add(String(key))
    if (key === 10) recent.add('0')
  }
  t.equal(recent.size, MAX_RECENT)
  t.ok(recent.has('0'), 'what came again is new')
  t.notOk(recent.has('1'))
})
