import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { decodePeer, decodeTags, encodePeer, encodeTags } from '../../../core/state/peer-codec.ts'

const PEER = '12D3KooWGRUVh1Xc4R3QXqFZ1fUCkqvWBPFHPY6sKzDGyAvcVjT7'
const fixture = (name: string): Uint8Array =>
  Buffer.from(
    readFileSync(new URL(`../../fixtures/peers/${name}`, import.meta.url), 'utf8').replaceAll(/\s/g, ''),
    'hex',
  )

const RECORD = {
  rank: 7,
  lastSeenMs: 1_700_000_000_000,
  foundBy: 'mdns',
  addresses: ['/ip4/192.0.2.1/tcp/4001', '/ip6/2001:db8::1/tcp/4001'],
  agent: 'skep/0.1.0',
  evidence: { timeout: 3, 'invalid-block': 1 },
} as const

t.test('what this version writes is as it was when it came out', async t => {
  t.same(Buffer.from(encodePeer(RECORD)), fixture('v2-peer.hex'))
  t.same(decodePeer(PEER, fixture('v2-peer.hex')), { peer: PEER, ...RECORD })
  t.same(Buffer.from(encodeTags({ backup: 80 })), fixture('v2-tags.hex'))
  t.same(decodeTags(fixture('v2-tags.hex')), { backup: 80 })
})

t.test('the first version, JSON, is read', async t => {
  t.same(decodePeer(PEER, fixture('v1-peer.hex')), {
    peer: PEER,
    rank: 12,
    lastSeenMs: 1,
    foundBy: undefined,
    addresses: ['/ip4/192.0.2.1/tcp/4001'],
    agent: undefined,
    evidence: {},
  })
})

t.test('whatever is written is read', async () => {
  const count = fc.nat()
  const record = fc.record({
    rank: fc.maxSafeNat(),
    lastSeenMs: fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { nil: undefined }),
    foundBy: fc.constantFrom(undefined, 'mdns', 'dht', 'inbound', 'exchange'),
    addresses: fc.uniqueArray(fc.string({ minLength: 1, maxLength: 40, unit: 'binary' }), { maxLength: 16 }),
    agent: fc.option(fc.string({ minLength: 1, maxLength: 256 }), { nil: undefined }),
    evidence: fc.record({ timeout: count, overload: count }, { requiredKeys: [] }),
  })
  fc.assert(
    fc.property(record, record => {
      const encoded = encodePeer(record as Parameters<typeof encodePeer>[0])
      return isDeepStrictEqual(decodePeer(PEER, encoded), {
        peer: PEER,
        ...record,
        evidence: { ...record.evidence },
      })
    }),
  )
})

t.test('no bytes make it throw, and what it can not read is told', async t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom([], [2], [0x7b], [3]), (bytes, start) => {
      const value = Buffer.concat([Buffer.from(start), bytes])
      decodePeer(PEER, value)
      decodeTags(value)
    }),
  )
  t.equal(decodePeer(PEER, Buffer.of(3)), undefined, 'a version to come')
  t.equal(decodePeer(PEER, Buffer.of()), undefined)
  t.equal(decodePeer(PEER, Buffer.from('{"version":2,"rank":1,"addresses":[]}')), undefined)
  t.equal(decodePeer(PEER, Buffer.from('{"version":1,"rank":1,"addresses":[4]}')), undefined)
  t.equal(decodeTags(Buffer.from('{}')), undefined)
})
