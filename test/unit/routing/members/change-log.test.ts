import t from 'tap'
import { ChangeLog } from '../../../../plugins/routing/members/change-log.ts'

t.test('keeps the last changes within its bound, and knows how far back it reaches', async t => {
  const log = new ChangeLog({ maxBytes: 30 })
  t.ok(log.reaches(0), 'nothing has happened, and nothing was missed')
  t.notOk(log.reaches(1), 'what never was is not known')
  for (let change = 1; change <= 5; change++) log.append(sequence => new Uint8Array(10).fill(sequence))
  t.equal(log.sequence, 5)
  t.same(
    [1, 2, 3, 4, 5, 6].map(sequence => log.message(sequence)?.[0]),
    [undefined, undefined, 3, 4, 5, undefined],
  )
  t.same(
    [0, 1, 2, 3, 4, 5, 6].map(sequence => log.reaches(sequence)),
    [false, false, true, true, true, true, false],
  )
})

t.test('one change larger than the bound is not kept', async t => {
  const log = new ChangeLog({ maxBytes: 30 })
  log.append(() => new Uint8Array(10))
  log.append(() => new Uint8Array(31))
  t.notOk(log.reaches(1))
  t.ok(log.reaches(2))
})

t.test('nobody can go on from before what was skipped', async t => {
  const log = new ChangeLog({ maxBytes: 30 })
  log.append(() => new Uint8Array(10))
  log.skip()
  t.same(
    [0, 1, 2].map(sequence => log.reaches(sequence)),
    [false, false, true],
  )
  log.append(() => new Uint8Array(30))
  t.ok(log.message(3), 'what was forgotten takes no room')
})
