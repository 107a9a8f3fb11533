import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import t from 'tap'
import { readTarget } from '../../../core/network/block-target.ts'
import {
  contains,
  type IpNetwork,
  ipOf,
  isLocal,
  networkText,
  parseIpNetwork,
  within,
} from '../../../core/network/ip-network.ts'

const parse = (text: string): IpNetwork => parseIpNetwork(text) as IpNetwork

t.test('addresses and networks, each in its usual form', async t => {
  for (const [given, usual] of [
    ['192.0.2.7', '192.0.2.7'],
    ['192.0.2.7/32', '192.0.2.7'],
    ['192.0.2.7/24', '192.0.2.0/24'],
    ['192.0.2.255/25', '192.0.2.128/25'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['2001:db8:ffff::1/33', '2001:db8:8000::/33'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7/120', '192.0.2.0/24'],
    ['::/0', '::/0'],
  ] as const)
    t.equal(networkText(parse(given)), usual, given)
  for (const wrong of [
    '',
    '192.0.2',
    '192.0.2.7/33',
    '::1/129',
    '192.0.2.7/',
    '192.0.2.7/-1',
    'host',
    '192.0.2.7/24/8',
  ])
    t.equal(parseIpNetwork(wrong), undefined, wrong)
})

t.test('the host of a multiaddr', async t => {
  const peer = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'
  for (const [address, host] of [
    ['/ip4/192.0.2.7/tcp/4001', '192.0.2.7'],
    [`/ip4/192.0.2.7/tcp/4001/p2p/${peer}`, '192.0.2.7'],
    ['/ip6zone/eth0/ip6/fe80::1/tcp/4001', 'fe80::1'],
    ['/dns4/example.org/tcp/4001', undefined],
    [`/ip4/192.0.2.7/tcp/4001/p2p/${peer}/p2p-circuit`, undefined],
  ] as const) {
    const ip = ipOf(multiaddr(address))
    t.equal(ip && networkText(ip), host, address)
  }
})

t.test('what is local', async t => {
  for (const local of [
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.1.1',
    '::1',
    'fe80::1',
    'fd00::1',
  ])
    t.ok(isLocal(parse(local)), local)
  for (const far of ['172.15.0.1', '172.32.0.1', '192.169.0.1', '8.8.8.8', '2001:db8::1', 'fec0::1', '::2'])
    t.notOk(isLocal(parse(far)), far)
})

const ip = fc.oneof(fc.ipV4(), fc.ipV6()).filter(text => parseIpNetwork(text) !== undefined)

t.test('a network contains the addresses it was made of, and reads back as it is written', async () => {
  fc.assert(
    fc.property(ip, fc.nat(128), (text, bits) => {
      const address = parse(text)
      const prefix = bits % (address.bytes.length * 8 + 1)
      const network = within(address, prefix)
      const again = parse(networkText(network))
      // Of IPv6 the part that stands for IPv4 reads back as that.
      const isSame = again.family !== network.family || networkText(again) === networkText(network)
      return contains(network, address) && isSame && within(network, prefix).prefix === prefix
    }),
  )
})

t.test('targets: peers, too, in base58', async t => {
  const peer = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA'
  t.match(readTarget(peer), { kind: 'peer', text: peer })
  t.match(readTarget('bafzaajaiaejcal72gwuz2or47oyxxn6b3rkwdmmkrxgkjxzy3rqt5kczyn7lcm3l'), {
    kind: 'peer',
    text: peer,
  })
  const rsa = 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'
  t.match(readTarget(rsa), { kind: 'peer', text: rsa })
  t.match(readTarget('192.0.2.7'), { kind: 'address' })
  t.match(readTarget('192.0.2.7/31'), { kind: 'network' })
  const content = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
  for (const wrong of ['', '12D3KooW', 'Qm0', content, 'example.org'])
    t.equal(readTarget(wrong), undefined, wrong)
})
