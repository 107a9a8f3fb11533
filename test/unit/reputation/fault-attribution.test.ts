import t from 'tap'
import { FaultAttribution, type Side, type Signs } from '../../../plugins/reputation/fault-attribution.ts'
import { sideOf, signsOf } from '../../../plugins/reputation/signs.ts'

/** One peer at the time in question. */
interface Seen {
  readonly side?: Side
  /** Held at 100 s. */
  readonly timesOut?: true
  /** Lost at so many milliseconds. */
  readonly lostMs?: number
  /** Brought something while the timeouts were held. */
  readonly brings?: true
  /** Connected at so many milliseconds. */
  readonly comesMs?: number
}

const AT_MS = 100_000
const staller: Seen = { timesOut: true }
const bringer: Seen = { brings: true }
const far = (seen: Seen): Seen => ({ ...seen, side: 'far' })
const times = (count: number, seen: Seen): Seen[] => Array.from({ length: count }, () => seen)

/** How many of the timeouts count. */
function charged(
  peers: readonly Seen[],
  before: (faults: FaultAttribution<{ peer: string }>) => void = () => {},
) {
  const faults = new FaultAttribution<{ peer: string }>()
  before(faults)
  const read = (isAfter: boolean): Signs =>
    new Map(
      peers.map(({ side = 'near', brings }, at) => [`p${at}`, { side, bytes: isAfter && brings ? 2 : 1 }]),
    )
  for (const [at, { lostMs }] of peers.entries()) {
    if (lostMs === undefined) continue
    faults.failed(`p${at}`, lostMs, () => read(false))
    faults.settle(lostMs + 10_000, () => read(false))
  }
  for (const [at, { timesOut }] of peers.entries())
    if (timesOut) faults.hold({ peer: `p${at}` }, AT_MS, () => read(false))
  for (const [at, { comesMs }] of peers.entries()) if (comesMs) faults.connected(`p${at}`, comesMs)
  if (faults.settle(AT_MS + 9_999, () => read(true))) throw new Error('settled too soon')
  const verdict = faults.settle(AT_MS + 10_000, () => read(true))
  return verdict?.theirs.length
}

const CASES: readonly [string, readonly Seen[], number][] = [
  ['one stalls while another delivers', [staller, bringer], 1],
  ['one stalls while another connects', [staller, { comesMs: AT_MS + 5_000 }], 1],
  ['one stalls after another connected', [staller, { comesMs: AT_MS - 29_000 }], 1],
  ['one stalls long after another connected', [staller, { comesMs: AT_MS - 31_000 }], 0],
  [
    'one stalls after others left and came back',
    [staller, bringer, ...times(2, { lostMs: AT_MS - 11_000, comesMs: AT_MS - 1_000 })],
    1,
  ],
  ['one stalls and nobody else is heard', [staller, {}, {}], 0],
  ['one stalls, alone', [staller], 0],
  ['it delivers itself: that shows nothing of others', [{ ...staller, ...bringer }], 0],
  ['two stall while three deliver', [...times(2, staller), ...times(3, bringer)], 2],
  ['all stall', times(64, staller), 0],
  ['most stall, and a few deliver', [...times(40, staller), ...times(24, bringer)], 0],
  ['one stalls soon after two were lost', [staller, bringer, ...times(2, { lostMs: AT_MS - 29_000 })], 0],
  ['one stalls longer after two were lost', [staller, bringer, ...times(2, { lostMs: AT_MS - 31_000 })], 1],
  [
    'one stalls in the wake of many that were lost',
    [staller, bringer, ...times(9, { lostMs: AT_MS - 69_000 })],
    0,
  ],
  ['one stalls long after many were lost', [staller, bringer, ...times(9, { lostMs: AT_MS - 71_000 })], 1],
  ['the uplink is down, neighbours deliver', [...times(5, far(staller)), ...times(9, bringer)], 0],
  ['a neighbour stalls, others deliver, the uplink is down', [staller, bringer, far(staller)], 1],
  ['one beyond the router stalls, another delivers', [far(staller), far(bringer)], 1],
]

for (const [what, peers, expected] of CASES) t.test(what, async t => t.equal(charged(peers), expected))

t.test('what comes to light after trouble of its own is not charged', async t => {
  const peers = [staller, bringer]
  const changed = (atMs: number) => charged(peers, faults => faults.networkChanged(atMs))
  t.equal(changed(AT_MS - 59_000), 0, 'networks changed lately')
  t.equal(changed(AT_MS - 61_000), 1, 'networks changed long ago')
  const trouble = (atMs: number) =>
    charged(peers, faults => {
      for (let at = 0; at < 3; at++) faults.hold({ peer: `q${at}` }, atMs, () => new Map())
      faults.settle(atMs + 10_000, () => new Map())
    })
  t.equal(trouble(AT_MS - 69_000), 0, 'many failed lately')
  t.equal(trouble(AT_MS - 71_000), 1, 'many failed long ago')
})

t.test('that the way to many is lost is told, with or without anybody to charge', async t => {
  const isLost = (lost: number, heard: number): boolean | undefined => {
    const faults = new FaultAttribution<{ peer: string }>()
    for (let at = 0; at < lost; at++) faults.failed(`lost ${at}`, AT_MS, () => new Map())
    const after = Array.from(
      { length: heard },
      (_, at) => [`heard ${at}`, { side: 'far' as const, bytes: 1 }] as const,
    )
    for (const [peer] of after) faults.connected(peer, AT_MS)
    return faults.settle(AT_MS + 10_000, () => new Map(after))?.isLost
  }
  t.equal(isLost(3, 0), true)
  t.equal(isLost(2, 0), false, 'two are chance')
  t.equal(isLost(0, 3), undefined)
  t.equal(isLost(64, 63), true)
})

t.test('nothing is settled where nothing is held, and what is held is bounded', async t => {
  const faults = new FaultAttribution<{ peer: string }>()
  t.equal(
    faults.settle(1e9, () => new Map()),
    undefined,
  )
  const taken = Array.from({ length: 300 }, () => faults.hold({ peer: 'p' }, 0, () => new Map()))
  t.same([taken.indexOf(false), taken.lastIndexOf(true)], [256, 255])
  const verdict = faults.settle(10_000, () => new Map())
  t.match(verdict, { ours: { length: 256 }, theirs: [] })
})

t.test('where a peer is', async t => {
  const side = (remoteAddress?: string, isRelayed = false): Side =>
    sideOf({ ...(remoteAddress && { remoteAddress }), isRelayed })
  t.equal(side('/ip4/192.168.1.7/tcp/4001'), 'near')
  t.equal(side('/ip4/127.0.0.1/tcp/4001'), 'near')
  t.equal(side('/ip6/fe80::1/tcp/4001'), 'near')
  t.equal(side('/ip4/8.8.8.8/tcp/4001'), 'far')
  t.equal(side('/ip6/2001:4860:4860::8888/tcp/4001'), 'far')
  t.equal(side('/ip4/192.168.1.7/tcp/4001/p2p-circuit', true), 'far')
  t.equal(side('/dns4/example.com/tcp/4001'), 'far')
  t.equal(side(), 'far')
  const peers = [
    { peer: 'a', direction: 'inbound' as const, remoteAddress: '/ip4/10.0.0.1/tcp/1', bytesReceived: 7 },
    { peer: 'b', bytesReceived: 9 },
  ]
  t.same([...signsOf(peers)], [['a', { side: 'near', bytes: 7 }]], 'of those connected alone')
})
