import fc from 'fast-check'
import t from 'tap'
import { makeRoom, type Origin, originOf } from '../../../core/network/handshakes.ts'
import { type IpNetwork, parseIpNetwork } from '../../../core/network/ip-network.ts'

const from = (text: string): Origin => originOf(parseIpNetwork(text) as IpNetwork)
const LIMITS = { max: 4, graceMs: 2_000 }

/** `hosts`, the first one the oldest, a millisecond between each. */
const underWay = (...hosts: string[]) =>
  hosts.map((host, at) => ({ name: `${host}#${at}`, origin: from(host), sinceMs: at }))

/** Who goes for one from `newcomer`. */
function cut(hosts: string[], newcomer: string, nowMs = 10): string | undefined {
  const room = makeRoom(underWay(...hosts), from(newcomer), nowMs, LIMITS)
  return room === 'none' || room === undefined ? room : room.name
}

t.test('where somebody comes from', async t => {
  t.strictSame(from('203.0.113.7'), { host: '203.0.113.7', subnet: '203.0.113.0/24' })
  t.strictSame(from('2001:db8:1:2:3:4:5:6'), { host: '2001:db8:1:2::/64', subnet: '2001:db8:1::/56' })
  t.strictSame(from('::ffff:203.0.113.7'), from('203.0.113.7'))
  t.strictSame(from('192.168.1.2'), { host: '192.168.1.2' })
  t.strictSame(from('127.0.0.1'), { host: '127.0.0.1' })
})

t.test('who makes room', async t => {
  const [a, b, c] = ['198.51.100.1', '198.51.100.2', '203.0.113.1']
  t.equal(cut([a, a, a], b), 'none', 'there is room')
  t.equal(cut([a, a, a, a], c), `${a}#0`, 'one host has them all: its oldest')
  t.equal(cut([c, a, a, a], '192.0.2.1'), `${a}#1`, 'the host that has most, not who was first')
  t.equal(cut([c, a, a, a], b), undefined, 'a newcomer of that network')
  t.equal(cut([a, a, a, a], a), undefined, 'its own are as young')
  t.equal(cut([a, a, a, a], a, 5_000), `${a}#0`, 'its own are old')
  t.equal(cut([a, b, '198.51.100.3', c], '203.0.114.1'), `${a}#0`, 'a network of many hosts')
  t.equal(
    cut(['192.0.2.1', '192.0.3.1', '192.0.4.1', '192.0.5.1'], c),
    undefined,
    'each has one, and all are young',
  )
  t.equal(cut(['192.0.2.1', '192.0.3.1', '192.0.4.1', '192.0.5.1'], c, 5_000), '192.0.2.1#0', 'and old')
  t.equal(cut(['10.0.0.1', '10.0.0.2', '10.0.0.3', c], a), undefined, 'a household is no crowd')
  t.equal(
    cut(['127.0.0.1', '127.0.0.1', '127.0.0.1', '127.0.0.2'], '127.0.0.3'),
    '127.0.0.1#0',
    'on one machine',
  )
})

t.test('a host that comes alone gets in while anybody else has two, whatever the others do', async () => {
  const host = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }))
  fc.assert(
    fc.property(fc.array(host, { maxLength: 12 }), fc.integer({ min: 1, max: 12 }), (hosts, max) => {
      const all = underWay(...hosts.map(([net, end]) => `198.51.${net}.${end}`))
      const room = makeRoom(all, from('203.0.113.1'), 0, { max, graceMs: 60_000 })
      const isFull = all.length >= max
      const isCrowded = new Set(hosts.map(([net]) => net)).size < hosts.length
      if (!isFull) return room === 'none'
      if (!isCrowded) return room === undefined
      const most = Math.max(...hosts.map(([net]) => hosts.filter(([other]) => other === net).length))
      if (room === undefined || room === 'none') return false
      return all.filter(({ origin }) => origin.subnet === room.origin.subnet).length === most
    }),
  )
})
