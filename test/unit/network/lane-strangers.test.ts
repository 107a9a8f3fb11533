import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type ConnectionOptions, connect, TLSSocket } from 'node:tls'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import t, { type Test } from 'tap'
import { encode } from 'uint8-varint'
import { createTlsIdentity, PEER_CERTIFICATE } from '../../../core/network/tls-identity.ts'
import { LaneRequest, LaneResponse } from '../../../core/network/wire/lane.js'
import { eventually } from '../../helpers/eventually.ts'
import { portOf, protocolOf, startNode, startStockNode, type TestNode } from './nodes.ts'

const LANES = '/skep/lane/1.0.0'
const ALPN = 'skep-lane/1'

const contextOf = (key: PrivateKey) => createTlsIdentity(key, { firstCipher: 'aes' }).context()

/** Alice, connected with Bob, who greets those to whom he serves a lane. */
async function met(t: Test) {
  const privateKey = await generateKeyPair('Ed25519')
  const [alice, bob] = await Promise.all([startNode(t, { privateKey }), startNode(t)])
  const protocol = protocolOf()
  const served: string[] = []
  await bob.port.handle(protocol, async channel => {
    served.push(channel.peer.toString())
    await channel.write(Buffer.from('welcome'))
    await channel.read()
  })
  await alice.port.dial(bob.port.addresses())
  return { alice, bob, privateKey, protocol, served }
}

/** Has Bob expect a lane of Alice. */
async function promise(t: Test, alice: TestNode, bob: TestNode, protocol: string): Promise<void> {
  const asking = await alice.port.open(bob.port.self, protocolOf({ id: LANES }))
  await asking.write(LaneRequest.encode({ protocol }))
  const { ports } = LaneResponse.decode((await asking.read()) ?? new Uint8Array())
  t.same(ports, [portOf(bob)])
}

/** Comes to Bob as `key` tells; true where he lets it in. */
async function knock(t: Test, bob: TestNode, key: PrivateKey, localAddress = '127.0.0.1'): Promise<boolean> {
  const socket = connect({
    ...PEER_CERTIFICATE,
    host: '127.0.0.1',
    port: portOf(bob),
    localAddress,
    secureContext: await contextOf(key),
    ALPNProtocols: [ALPN],
  } as ConnectionOptions)
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  return new Promise(resolve => {
    socket.once('data', () => resolve(true)).once('close', () => resolve(false))
  })
}

t.test('a lane is for the peer that it was promised to, and once', async t => {
  const { alice, bob, privateKey, protocol, served } = await met(t)
  const stranger = await generateKeyPair('Ed25519')
  await promise(t, alice, bob, protocol.id)
  t.notOk(await knock(t, bob, stranger), 'not for another at the same address')
  t.notOk(await knock(t, bob, privateKey, '127.0.0.2'), 'not from another address')
  t.ok(await knock(t, bob, privateKey), 'for that peer')
  t.notOk(await knock(t, bob, privateKey), 'not twice')
  t.same(served, [alice.port.self.toString()])
})

t.test('who opens a lane goes nowhere but to the peer', async t => {
  const [alice, stock] = await Promise.all([startNode(t), startStockNode(t)])
  const secureContext = await contextOf(await generateKeyPair('Ed25519'))
  const handshakes: Promise<unknown>[] = []
  const elsewhere = createServer(raw => {
    const tls = new TLSSocket(raw, {
      ...PEER_CERTIFICATE,
      isServer: true,
      secureContext,
      ALPNProtocols: [ALPN],
    })
    tls.on('error', () => {})
    handshakes.push(once(tls, 'secure'))
  })
  await once(elsewhere.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => elsewhere.close())
  const { port } = elsewhere.address() as AddressInfo
  await stock.handle(LANES, async stream => {
    const answer = LaneResponse.encode({ ports: [port] })
    stream.send(Buffer.concat([encode(answer.length), answer]))
    await stream.close()
  })
  await stock.dial(alice.port.addresses())
  await eventually('lanes to be known', async () =>
    (await alice.port.protocolsOf(stock.peerId))?.find(id => id === LANES),
  )
  await t.rejects(alice.port.openLane(stock.peerId, protocolOf()), { code: 'LANE_UNAVAILABLE' })
  t.equal(handshakes.length, 1)
  await handshakes[0]
})
