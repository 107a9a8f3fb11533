import t from 'tap'
import { networkRows } from '../../../core/cli/commands/status/network-rows.ts'
import { describeWear } from '../../../core/cli/commands/status.ts'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import { freshWear } from '../../helpers/wear.ts'

const GIB = 1024 ** 3

t.test('what is known of wear, and no more', async t => {
  const unknown = freshWear(createMemoryStorage({ maxBytes: 0 })).status()
  t.equal(describeWear(unknown), 'nothing here counts writes')
  const young = {
    ...unknown,
    source: 'process',
    counts: 'pages made dirty by this process',
    writtenBytes: 1024,
  } as const
  t.equal(describeWear(young), '1.00 KiB written (pages made dirty by this process)')
  const known = {
    ...unknown,
    source: 'cgroup',
    counts: 'own writes',
    device: 'mmcblk0',
    writtenBytes: 3.2 * GIB,
    writtenBytesPerDay: GIB / 8,
    amplification: 1.0432,
  } as const
  const lasting = (daysLeft: number): string => describeWear({ ...known, card: { ...known.card, daysLeft } })
  const before = '3.20 GiB written to mmcblk0, 128 MiB a day (own writes), 1.04 × the content'
  t.equal(describeWear(known), before)
  t.equal(lasting(12 * 365 + 5), `${before}; about 12 years left at this pace`)
  t.equal(lasting(100.5), `${before}; about 100 days left at this pace`)
  t.equal(lasting(1e6), `${before}; more than 50 years left at this pace`)
})

t.test('what is known of the network, and of plugins that tell more', async t => {
  const network = {
    firstCipher: 'aes',
    listening: [],
    announced: [],
    observed: [{ address: '/ip4/198.51.100.7/tcp/4001', by: 'observed', verified: false }],
    connections: { inbound: 1, outbound: 2, relayed: 1, low: 80, high: 100 },
    traffic: { receivedBytes: 2048, sentBytes: 1024, receivedBytesPerSecond: 10, sentBytesPerSecond: 5 },
    dials: { queued: 3 },
    trimmed: 0,
    blocked: 4,
    refused: { rate: 2, fleet: 11 },
    isPrivate: true,
  }
  const rows = (details: object) =>
    networkRows({ network, connections: { inbound: 1, outbound: 2, max: 100 }, details } as never)
  const own = [
    ['seen as', '/ip4/198.51.100.7/tcp/4001 (observed, not verified)'],
    ['swarm', 'private: those alone who have the same swarm key'],
    ['connections', '1 in, 2 out, 1 of them relayed; at most 100'],
    ['dials', '3 under way or waiting'],
    ['traffic', '10 B/s in, 5 B/s out; 2.00 KiB received, 1.00 KiB sent'],
    ['refused', '13 connections (11 fleet, 2 rate)'],
    ['blocked', '4, see `skep peers blocks`'],
  ] as const
  t.same(rows({}), own)
  t.same(rows({ nat: { error: 'broken' }, routing: null }), own, 'a plugin that can not tell')
  const details = {
    nat: { reachability: 'private', reason: 'nobody reached it' },
    routing: {
      dht: { network: 'lan', mode: 'server', peers: 7, records: 2 },
      provide: { what: 'roots', state: 'running', share: 0.257 },
    },
  }
  t.same(rows(details).slice(2, 5), [
    ['reachable', 'private: nobody reached it'],
    ['dht', 'lan: server, 7 peers, 2 records'],
    ['announcing', 'roots: running, 25 % of this period'],
  ])
  const ban = (peer: string) => ({ peer, kind: 'invalid-block', endsInMs: 3_540_000 })
  const reputation = { bannedPeers: 9, bans: ['alice', 'bob', 'carol', 'dora'].map(ban) }
  t.same(rows({ reputation }).slice(own.length), [
    ['9 banned', 'alice: invalid-block for 59m'],
    ['', 'bob: invalid-block for 59m'],
    ['', 'carol: invalid-block for 59m'],
  ])
  t.same(rows({ reputation: { bannedPeers: 0, bans: [] } }), own)
})
