import { connect } from 'node:net'
import t from 'tap'
import { InboundRate, MAX_TRACKED } from '../../../core/network/inbound-rate.ts'
import { type IpNetwork, parseIpNetwork } from '../../../core/network/ip-network.ts'
import { portOf, startNode } from './nodes.ts'

const ip = (text: string): IpNetwork => parseIpNetwork(text) as IpNetwork

function create(perSubnet: number, perHost = 100) {
  const time = { nowMs: 0 }
  const rate = new InboundRate({ perHost, perSubnet }, { nowMs: () => time.nowMs })
  return { rate, time, admits: (...hosts: string[]) => hosts.map(host => rate.admits(ip(host))) }
}

t.test('the hosts of one network share a rate', async t => {
  const { time, admits } = create(2)
  t.strictSame(admits('203.0.113.1', '203.0.113.2', '203.0.113.3', '203.0.114.3'), [true, true, false, true])
  t.strictSame(admits('2001:db8::1', '2001:db8:0:ff::1', '2001:db8::2', '2001:db8:0:100::1'), [
    true,
    true,
    false,
    true,
  ])
  time.nowMs = 500
  t.strictSame(admits('203.0.113.1', '203.0.113.1'), [true, false], 'one more after half a second')
})

t.test('hosts of local networks are not counted together', async t => {
  const { rate, admits } = create(1)
  const local = ['192.168.1.2', '192.168.1.3', '127.0.0.1', '127.0.0.1', 'fe80::1', 'fe80::2']
  t.ok(admits(...local).every(Boolean))
  t.equal(rate.tracked.subnets, 0)
})

t.test('a host is an address of IPv4, and a network of IPv6', async t => {
  const { admits } = create(100, 1)
  t.strictSame(admits('127.0.0.1', '127.0.0.1', '127.0.0.2', '192.168.1.2'), [true, false, true, true])
  t.strictSame(admits('2001:db8::1', '2001:db8::ffff:1', '2001:db8:0:1::1'), [true, false, true])
})

t.test('networks remembered are bounded, and the quiet ones forgotten', async t => {
  const { rate, time, admits } = create(1)
  for (let at = 0; at < 2 * MAX_TRACKED; at++) admits(`5.${at >> 8}.${at & 255}.1`)
  t.strictSame(rate.tracked, { hosts: MAX_TRACKED, subnets: MAX_TRACKED })
  time.nowMs = 1000
  admits('203.0.113.1')
  t.strictSame(rate.tracked, { hosts: 1, subnets: 1 })
})

/** Connects from an address of its own, and tells whether the node began to speak. */
async function isWelcome(port: number, localAddress: string): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  socket.write('\x13/multistream/1.0.0\n')
  return new Promise(resolve => {
    socket.once('data', () => {
      socket.destroy()
      resolve(true)
    })
    // A refusal is a reset.
    socket.on('error', () => {})
    socket.once('close', () => resolve(false))
  })
}

t.test('each host has its own rate', async t => {
  const node = await startNode(t, { maxInboundPerSecond: 2 })
  const port = portOf(node)
  const knock = async (host: string): Promise<number> => {
    const welcomes = await Promise.all(Array.from({ length: 6 }, () => isWelcome(port, host)))
    return welcomes.filter(Boolean).length
  }
  const [one, other] = await Promise.all([knock('127.0.0.2'), knock('127.0.0.3')])
  t.equal(one, 2)
  t.equal(other, 2, 'whatever others do')
})
