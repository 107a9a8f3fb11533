import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { candidatesOf, isPublic } from '../../../plugins/nat/candidates.ts'
import type { NodeAddress } from '../../../plugins/nat/parts.ts'

const PEER = '12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8'

const address = (text: string, type: NodeAddress['type'] = 'transport'): NodeAddress => ({
  multiaddr: multiaddr(text),
  type,
  verified: false,
  expires: 0,
})

const shown = (addresses: readonly NodeAddress[], observed?: string): string[] =>
  candidatesOf(addresses, observed).map(({ address, via, type }) => `${address} ${via} ${type}`)

t.test('public addresses are tried; those of the local network and of relays are not', async t => {
  const addresses = [
    address('/ip4/127.0.0.1/tcp/4001'),
    address('/ip4/192.168.1.10/tcp/4001'),
    address(`/ip4/5.1.1.2/tcp/4001/p2p/${PEER}`),
    address(`/ip4/62.2.2.2/tcp/4001/p2p/${PEER}/p2p-circuit`),
    address('/ip4/78.3.3.2/tcp/5000', 'ip-mapping'),
    address('/dns4/example.org/tcp/4001', 'dns-mapping'),
  ]
  t.same(shown(addresses), [
    '/ip4/5.1.1.2/tcp/4001 interface transport',
    '/ip4/78.3.3.2/tcp/5000 mapping ip-mapping',
  ])
})

t.test('the port listened on is tried at the host that others see', async t => {
  const addresses = [
    address('/ip4/127.0.0.1/tcp/4001'),
    address('/ip4/192.168.1.10/tcp/4001'),
    address('/ip6/fd00::1/tcp/4002'),
    address(`/ip4/62.2.2.2/tcp/4003/p2p/${PEER}/p2p-circuit`),
  ]
  t.same(shown(addresses, '78.3.3.2'), ['/ip4/78.3.3.2/tcp/4001 observed observed'])
  const mapped = [...addresses, address('/ip4/78.3.3.2/tcp/4001', 'ip-mapping')]
  t.same(shown(mapped, '78.3.3.2'), ['/ip4/78.3.3.2/tcp/4001 mapping ip-mapping'], 'once')
})

t.test('what the config names is checked, and no other guess is made', async t => {
  const announced = [address('/ip4/5.1.1.9/tcp/9000', 'announce')]
  t.same(shown(announced, '78.3.3.2'), ['/ip4/5.1.1.9/tcp/9000 announced transport'])
})

t.test('there are at most eight', async t => {
  const many = Array.from({ length: 20 }, (_, at) => address(`/ip4/5.1.1.${at + 1}/tcp/4001`))
  t.equal(candidatesOf(many, '78.3.3.2').length, 8)
})

t.test('public is what strangers could dial', async t => {
  for (const text of ['/ip4/5.1.1.2/tcp/1', '/ip6/2600::1/tcp/1']) t.ok(isPublic(multiaddr(text)), text)
  for (const text of ['/ip4/10.0.0.1/tcp/1', '/ip6/fe80::1/tcp/1', '/dns4/localhost/tcp/1', '/memory/a']) {
    t.notOk(isPublic(multiaddr(text)), text)
  }
})
