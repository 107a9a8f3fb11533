import type { NetworkInterfaceInfo } from 'node:os'
import t from 'tap'
import { linksOf, multicastInterfaces } from '../../../../plugins/discovery/mdns/interfaces.ts'

const info = (address: string, part: Partial<NetworkInterfaceInfo> = {}): NetworkInterfaceInfo =>
  ({
    address,
    family: 'IPv4',
    internal: false,
    netmask: '255.255.255.0',
    mac: '',
    cidr: null,
    ...part,
  }) as NetworkInterfaceInfo

const lo = [info('127.0.0.1', { internal: true })]

t.test('each network once, by its first IPv4 address; loopback only where there is nothing else', async t => {
  const wired = [info('fe80::1', { family: 'IPv6', scopeid: 2 }), info('192.168.1.7'), info('10.0.0.7')]
  t.same(multicastInterfaces({ lo, eth0: wired, wlan0: [info('192.168.2.7')], tun0: [] }), [
    { name: 'eth0', address: '192.168.1.7', isLoopback: false },
    { name: 'wlan0', address: '192.168.2.7', isLoopback: false },
  ])
  t.same(multicastInterfaces({ lo }), [{ name: 'lo', address: '127.0.0.1', isLoopback: true }])
  t.same(multicastInterfaces({}), [])
})

t.test('a machine with a hundred bridges is searched on a few', async t => {
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`br${at}`, [info(`10.0.${at}.1`)]]))
  t.equal(multicastInterfaces(many).length, 8)
})

t.test('what comes from another network is none of a neighbour’s', async t => {
  const links = linksOf({
    lo: [info('127.0.0.1', { cidr: '127.0.0.1/8', internal: true })],
    eth0: [
      info('fe80::1', { family: 'IPv6', cidr: 'fe80::1/64', scopeid: 2 }),
      info('192.168.1.7', { cidr: '192.168.1.7/24' }),
      info('10.0.0.7', { cidr: '10.0.0.7/8' }),
    ],
    tun0: [info('172.30.0.1')],
  })
  for (const near of ['127.0.0.1', '192.168.1.1', '192.168.1.255', '10.200.0.1', '169.254.7.7'])
    t.ok(links.check(near), near)
  for (const far of ['192.168.2.1', '203.0.113.5', '8.8.8.8', '172.30.0.1', 'fe80::1'])
    t.notOk(links.check(far), far)
})
