import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type Dialable, planDial } from '../../../plugins/discovery/dial-plan.ts'

const limits = { targetPeers: 4, targetMembers: 6, maxParallel: 2, perSecond: 2 }
const calm = { nowMs: 10_000, connected: 0, lastDialMs: Number.NEGATIVE_INFINITY }

const peer = (part: Partial<Dialable> = {}): Dialable => ({
  state: 'idle',
  hasAddresses: true,
  isMember: false,
  dialAtMs: 0,
  failures: 0,
  ...part,
})

t.test('dials whose time has come, those that failed least first, then those that wait longest', async t => {
  const late = peer({ dialAtMs: 9000 })
  const early = peer({ dialAtMs: 8000 })
  const failed = peer({ dialAtMs: 1000, failures: 1 })
  t.equal(planDial([failed, late, early], calm, limits).dial, early)
  t.equal(planDial([failed], calm, limits).dial, failed)
})

t.test('waits for the first whose time will come', async t => {
  t.same(planDial([peer({ dialAtMs: 12_000 }), peer({ dialAtMs: 11_000 })], calm, limits), { waitMs: 1000 })
})

t.test('keeps to the dials a second', async t => {
  t.same(planDial([peer()], { ...calm, lastDialMs: 9800 }, limits), { waitMs: 300 })
  t.ok(planDial([peer()], { ...calm, lastDialMs: 9500 }, limits).dial)
})

t.test('waits for nothing where nobody is to be dialed', async t => {
  const never = { waitMs: Number.POSITIVE_INFINITY }
  t.same(planDial([], calm, limits), never)
  t.same(planDial([peer({ hasAddresses: false }), peer({ state: 'connected' })], calm, limits), never)
  t.same(planDial([peer()], { ...calm, connected: 4 }, limits), never, 'enough are connected')
  t.same(
    planDial([peer(), peer({ state: 'dialing' })], { ...calm, connected: 3 }, limits),
    never,
    'or about to be',
  )
  const busy = [peer(), peer({ state: 'dialing' }), peer({ state: 'dialing' })]
  t.same(planDial(busy, calm, limits), never, 'as many as may be are under way')
})

t.test('members go first, and are dialed where strangers are not any more', async t => {
  const member = peer({ isMember: true, failures: 2 })
  t.equal(planDial([peer(), member], calm, limits).dial, member)
  t.equal(planDial([peer(), member], { ...calm, connected: 5 }, limits).dial, member)
  t.same(planDial([peer(), member], { ...calm, connected: 6 }, limits), { waitMs: Number.POSITIVE_INFINITY })
  const few = { ...limits, targetMembers: 0 }
  t.equal(planDial([member], { ...calm, connected: 3 }, few).dial, member, 'a member is a peer like any')
})

t.test('never dials too early, too many or too fast, and never waits in vain', async () => {
  const peers = fc.array(
    fc.record({
      state: fc.constantFrom('idle', 'dialing', 'connected'),
      hasAddresses: fc.boolean(),
      isMember: fc.boolean(),
      dialAtMs: fc.nat(1000),
      failures: fc.nat(3),
    }) as fc.Arbitrary<Dialable>,
    { maxLength: 12 },
  )
  const situations = fc.record({ nowMs: fc.nat(1000), connected: fc.nat(8), lastDialMs: fc.nat(1000) })
  fc.assert(
    fc.property(peers, situations, (list, situation) => {
      const { dial, waitMs } = planDial(list, situation, limits)
      const dialing = list.filter(one => one.state === 'dialing').length
      const idle = list.filter(one => one.state === 'idle' && one.hasAddresses)
      if (dial) {
        assert.ok(idle.includes(dial) && dial.dialAtMs <= situation.nowMs)
        const enough = dial.isMember ? limits.targetMembers : limits.targetPeers
        assert.ok(dialing < limits.maxParallel && dialing + situation.connected < enough)
        assert.ok(situation.nowMs - situation.lastDialMs >= 1000 / limits.perSecond)
      } else if (Number.isFinite(waitMs)) {
        assert.ok(waitMs > 0, 'it would spin')
        const later = planDial(list, { ...situation, nowMs: situation.nowMs + waitMs }, limits)
        assert.ok(later.dial, 'somebody is dialed after the wait')
      }
    }),
  )
})
