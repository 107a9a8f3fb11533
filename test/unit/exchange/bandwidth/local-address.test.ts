import type { NetworkInterfaceInfo } from 'node:os'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { isLocalAddress } from '../../../../plugins/exchange/bandwidth/local-address.ts'

const RELAY = '12D3KooWFYFb8MLND5qfARdPoLCFFtUF2zTGSt1E4Jbpshbqon74'

const withSubnets =
  (...cidrs: string[]) =>
  () => ({
    eth0: cidrs.map(cidr => ({ cidr }) as NetworkInterfaceInfo),
  })

t.test('addresses of the local network, and others', async t => {
  const rows: [address: string, local: boolean][] = [
    ['/ip4/127.0.0.1/tcp/4001', true],
    ['/ip4/10.1.2.3/tcp/4001', true],
    ['/ip4/172.16.0.1/tcp/4001', true],
    ['/ip4/172.31.255.255/tcp/4001', true],
    ['/ip4/172.32.0.1/tcp/4001', false],
    ['/ip4/192.168.1.10/tcp/4001/ws', true],
    ['/ip4/169.254.7.7/tcp/4001', true],
    ['/ip4/100.64.0.1/tcp/4001', false],
    ['/ip4/8.8.8.8/tcp/4001', false],
    ['/ip6/::1/tcp/4001', true],
    ['/ip6/fe80::1/tcp/4001', true],
    ['/ip6zone/eth0/ip6/fe80::1/tcp/4001', true],
    ['/ip6/fd00::1/tcp/4001', true],
    ['/ip6/2001:db8::1/tcp/4001', false],
    ['/ip6/::ffff:192.168.1.10/tcp/4001', true],
    ['/ip6/::ffff:8.8.8.8/tcp/4001', false],
    ['/dns4/raspberrypi.local/tcp/4001', false],
    [`/ip4/192.168.1.10/tcp/4001/p2p/${RELAY}/p2p-circuit`, false],
  ]
  for (const [address, local] of rows)
    t.equal(isLocalAddress(multiaddr(address), withSubnets()), local, address)
})

t.test('the subnets of our own interfaces are local', async t => {
  const subnets = withSubnets('203.0.113.20/24', '2001:db8:1:2::5/64')
  t.ok(isLocalAddress(multiaddr('/ip4/203.0.113.77/tcp/4001'), subnets))
  t.notOk(isLocalAddress(multiaddr('/ip4/203.0.114.77/tcp/4001'), subnets))
  t.ok(isLocalAddress(multiaddr('/ip6/2001:db8:1:2:aaaa::1/tcp/4001'), subnets))
  t.notOk(isLocalAddress(multiaddr('/ip6/2001:db8:1:3::1/tcp/4001'), subnets))
  t.notOk(isLocalAddress(multiaddr('/ip4/8.8.8.8/tcp/4001'), withSubnets('0.0.0.0/0', '10.0.0.1/0')))
})
