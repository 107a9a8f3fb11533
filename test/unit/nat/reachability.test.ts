import t from 'tap'
import { type AddressEvidence, hostCheckWaitMs, judge } from '../../../plugins/nat/reachability.ts'

const evidence = (fields: Partial<AddressEvidence> = {}): AddressEvidence => ({
  address: '/ip4/5.1.1.2/tcp/4001',
  via: 'interface',
  reachable: null,
  askedPeers: 0,
  checkedMs: null,
  ...fields,
})

t.test('one address that others connected to is proof', async t => {
  const missed = evidence({ address: '/ip4/5.1.1.3/tcp/4001', reachable: false, askedPeers: 4 })
  t.same(judge([missed, evidence({ reachable: true, askedPeers: 4 })]), {
    reachability: 'public',
    reason: 'others connected to /ip4/5.1.1.2/tcp/4001',
  })
})

t.test('asked peers that could not connect make it private', async t => {
  t.same(judge([evidence({ reachable: false, askedPeers: 3 })]), {
    reachability: 'private',
    reason: 'none of the 3 peers outside that tried could connect',
  })
  t.same(judge([evidence({ reachable: false, askedPeers: 1 })]), {
    reachability: 'private',
    reason: 'the one peer outside that tried could not connect',
  })
})

t.test('without anybody to ask, or an address to try, nothing is known', async t => {
  t.same(judge([]), { reachability: 'unknown', reason: 'no public address is known' })
  t.same(judge([evidence()]), { reachability: 'unknown', reason: 'no peer outside could be asked' })
})

t.test(
  'another host that others see is checked once a minute, or at once where nothing is known',
  async t => {
    t.same(
      [0, 17_000, 60_000, 6e6].map(sinceCheckMs => hostCheckWaitMs('private', sinceCheckMs)),
      [60_000, 43_000, 0, 0],
    )
    t.equal(hostCheckWaitMs('public', 1000), 59_000)
    t.equal(hostCheckWaitMs('unknown', 0), 0)
  },
)
