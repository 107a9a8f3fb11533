import { multiaddr } from '@multiformats/multiaddr'
import type { ResponsePacket } from 'multicast-dns'
import t from 'tap'
import { answerOf, isAnswerOf, neighbourOf, tellable } from '../../../../plugins/discovery/mdns/packets.ts'
import { createPeerId } from '../fixture.ts'

const TAG = '_skep._udp.local'

const received = (part: object): ResponsePacket =>
  ({ type: 'response', questions: [], answers: [], authorities: [], additionals: [], ...part }) as never

t.test('an answer tells who and where, and is known as one’s own', async t => {
  const peer = await createPeerId()
  const addresses = ['/ip4/192.168.1.7/tcp/4001', '/ip4/10.0.0.7/tcp/4001'].map(text =>
    multiaddr(`${text}/p2p/${peer}`),
  )
  const packet = received(answerOf(TAG, 'name', addresses))
  const found = neighbourOf(packet, TAG)
  t.equal(found?.peer.toString(), peer.toString())
  t.same(found?.addresses.map(String), ['/ip4/192.168.1.7/tcp/4001', '/ip4/10.0.0.7/tcp/4001'])
  t.equal(isAnswerOf(packet, TAG, 'name'), true)
  t.equal(isAnswerOf(packet, TAG, 'another'), false)
  t.equal(neighbourOf(packet, '_p2p._udp.local'), undefined, 'another name is another question')
})

t.test('the specification puts addresses among the additional records', async t => {
  const peer = await createPeerId()
  const packet = received({
    answers: [{ type: 'PTR', name: TAG, data: `x.${TAG}` }],
    additionals: [
      { type: 'TXT', name: `x.${TAG}`, data: [Buffer.from(`dnsaddr=/ip4/10.0.0.7/tcp/1/p2p/${peer}`)] },
    ],
  })
  t.equal(neighbourOf(packet, TAG)?.peer.toString(), peer.toString())
})

t.test('what is malformed tells of nobody', async t => {
  for (const text of [
    'dnsaddr=',
    'dnsaddr=/ip4/1.2.3',
    'dnsaddr=/ip4/10.0.0.7/tcp/1',
    'dnsaddr=/p2p/x',
    'x',
  ]) {
    const answers = [
      { type: 'PTR', name: TAG, data: `x.${TAG}` },
      { type: 'TXT', name: `x.${TAG}`, data: [Buffer.from(text)] },
    ]
    t.equal(neighbourOf(received({ answers }), TAG), undefined, text)
  }
})

t.test('an answer fits into a packet, however many addresses there are', async t => {
  const peer = await createPeerId()
  const addresses = Array.from({ length: 100 }, (_, at) =>
    multiaddr(`/ip4/10.0.0.${at}/tcp/4001/p2p/${peer}`),
  )
  t.equal(neighbourOf(received(answerOf(TAG, 'name', addresses)), TAG)?.addresses.length, 8)
})

t.test('neighbours are told private addresses; those of loopback on loopback alone', async t => {
  const addresses = [
    '/ip4/127.0.0.1/tcp/1',
    '/ip4/192.168.1.7/tcp/1',
    '/ip4/1.2.3.4/tcp/1',
    '/ip6/fd00::1/tcp/1',
  ]
  const all = addresses.map(text => multiaddr(text))
  t.same(tellable(all, false).map(String), [addresses[1], addresses[3]])
  t.same(tellable(all, true).map(String), [addresses[0], addresses[1], addresses[3]])
})
