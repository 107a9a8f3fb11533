import fc from 'fast-check'
import t from 'tap'
import {
  compareHeads,
  type Edit,
  edited,
  type Head,
  isOpen,
  MAX_REMOVED,
  needsOwner,
  roleOf,
} from '../../../core/fleet/roster.ts'
import { createParties } from './parties.ts'

const { roster, desk, kitchen, attic } = await createParties()
const add = (peer: string, name = 'a board'): Edit => ({ kind: 'add', peer, name, joinedMs: 5 })

t.test('what each edit does', async t => {
  const two = edited(roster, [add(kitchen.id, 'kitchen')], desk.id, 1)
  t.equal(roleOf(two, kitchen.id), 'member')
  t.equal(roleOf(two, desk.id), 'operator')
  t.equal(roleOf(two, attic.id), undefined)
  t.match(two, { version: 2, charter: { term: 1 } }, 'a member is no matter of the charter')
  t.equal(two.edits.get(desk.id), 1)

  const delegated = edited(two, [{ kind: 'delegate', peer: kitchen.id }], desk.id, 2)
  t.equal(roleOf(delegated, kitchen.id), 'operator')
  t.match(delegated, { version: 1, charter: { term: 2 } }, 'an operator is')

  const revoked = edited(delegated, [{ kind: 'revoke', peer: kitchen.id }], desk.id, 3)
  t.equal(roleOf(revoked, kitchen.id), 'member')
  t.equal(revoked.charter.term, 3)

  const removed = edited(delegated, [{ kind: 'remove', peer: kitchen.id }], desk.id, 3)
  t.equal(roleOf(removed, kitchen.id), undefined)
  t.equal(removed.charter.term, 3, 'nor can it sign any more')
  t.same(removed.removed, [kitchen.id])
  const back = edited(removed, [add(kitchen.id)], desk.id, 4)
  t.same(back.removed, [], 'who is added anew was not removed')
})

t.test('an operator that used up all versions locks nobody out', async t => {
  const full = { ...roster, version: Number.MAX_SAFE_INTEGER }
  t.match(edited(full, [add(kitchen.id)], desk.id, 1), { version: 1, charter: { term: 2 } })
})

t.test('which edits take the owner', async t => {
  const two = edited(roster, [add(kitchen.id)], desk.id, 1)
  const of = (kind: 'remove' | 'delegate' | 'revoke', peer: string) => needsOwner(two, { kind, peer })
  t.equal(needsOwner(two, add(attic.id)), false)
  t.equal(of('remove', kitchen.id), false)
  t.equal(of('remove', desk.id), true, 'an operator is removed by the owner alone')
  t.equal(of('delegate', kitchen.id), true)
  t.equal(of('revoke', desk.id), true)
})

t.test('an edit made elsewhere at the same time: what was removed stays removed', async t => {
  const removed = edited(
    edited(roster, [add(kitchen.id)], desk.id, 1),
    [{ kind: 'remove', peer: kitchen.id }],
    desk.id,
    2,
  )
  t.equal(isOpen(removed, add(kitchen.id)), false)
  t.equal(isOpen(roster, add(kitchen.id)), true)
  t.equal(isOpen(removed, { kind: 'remove', peer: kitchen.id }), false)
  t.equal(
    isOpen(roster, { kind: 'delegate', peer: kitchen.id }),
    false,
    'who is no member is made no operator',
  )
})

t.test('the list of removed ones is bounded, the oldest leaves first', async t => {
  const peers = Array.from({ length: MAX_REMOVED + 1 }, (_, at) => `peer-${at}`)
  let many = edited(
    roster,
    peers.map(peer => add(peer)),
    desk.id,
    1,
  )
  many = edited(
    many,
    peers.map(peer => ({ kind: 'remove', peer })),
    desk.id,
    2,
  )
  t.equal(many.removed.length, MAX_REMOVED)
  t.notOk(many.removed.includes('peer-0'))
})

t.test('of any rosters all nodes choose the same, in whatever order they meet them', async () => {
  const head = fc.record({
    owner: fc.constant('fleet'),
    term: fc.integer({ min: 1, max: 3 }),
    version: fc.integer({ min: 1, max: 3 }),
    hash: fc.uint8Array({ minLength: 2, maxLength: 2, max: 2 }),
  }) as fc.Arbitrary<Head>
  const best = (heads: readonly Head[]): Head =>
    heads.reduce((one, other) => (compareHeads(other, one) > 0 ? other : one))
  fc.assert(
    fc.property(fc.array(head, { minLength: 1, maxLength: 8 }), fc.func(fc.integer()), (heads, order) => {
      const shuffled = heads.toSorted((one, other) => order(one) - order(other))
      return (
        compareHeads(best(heads), best(shuffled)) === 0 &&
        heads.every(each => compareHeads(best(heads), each) >= 0)
      )
    }),
  )
})

t.test("the owner's word counts whatever versions operators made", async t => {
  const head = { owner: 'fleet', hash: new Uint8Array(32) }
  t.ok(compareHeads({ ...head, term: 2, version: 1 }, { ...head, term: 1, version: 900 }) > 0)
  t.ok(compareHeads({ ...head, term: 2, version: 3 }, { ...head, term: 2, version: 2 }) > 0)
})
