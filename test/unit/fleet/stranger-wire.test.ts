import type { MessageStream } from '@libp2p/interface'
import t, { type Test } from 'tap'
import { eventually } from '../../helpers/eventually.ts'
import { ENCRYPTERS, HELLO, line, rawHandshake } from '../../helpers/raw-handshake.ts'
import { portOf } from '../network/nodes.ts'
import { collect } from '../network/raw-connections.ts'
import { type FleetTestNode, startFleetNode } from './fleet-node.ts'

/** Agreed on within the handshake, or after it. */
const MUXERS = [['/yamux/1.0.0'], ['/mplex/6.7.0'], []] as const
/** Whatever might be answered: a negotiation, a list of protocols, a stream of yamux with identify in it, one of mplex. */
const QUESTIONS = [
  Buffer.concat([HELLO, line('/yamux/1.0.0')]),
  Buffer.concat([HELLO, line('/mplex/6.7.0'), line('ls')]),
  Buffer.concat([Buffer.from('000200010000000100000000', 'hex'), HELLO, line('/ipfs/id/1.0.0')]),
  Buffer.concat([Buffer.from('000130', 'hex'), HELLO]),
]

/** Comes as far as a stranger can: the key is shown, and proved. */
async function shakeHands(
  t: Test,
  node: FleetTestNode,
  encryption: keyof typeof ENCRYPTERS,
  muxers: readonly string[],
): Promise<MessageStream> {
  const { connection, remotePeer } = await rawHandshake(t, portOf(node), { encryption, muxers })
  t.ok(remotePeer?.equals(node.port.self), 'whom it has reached, it may know')
  return connection
}

for (const encryption of Object.keys(ENCRYPTERS) as (keyof typeof ENCRYPTERS)[]) {
  for (const muxers of MUXERS) {
    t.test(
      `a closed fleet says nothing to a stranger behind ${encryption}, muxer ${muxers[0] ?? 'later'}`,
      async t => {
        const node = await startFleetNode(t)
        await node.fleet.create('home')
        const connection = await shakeHands(t, node, encryption, muxers)
        const heard = collect(connection)
        for (const question of QUESTIONS) if (connection.status === 'open') connection.send(question)
        await heard.upTo(1)
        t.equal(heard.bytes().byteLength, 0, 'not one byte, and then the end')
        t.not(connection.status, 'open')
        await eventually('no slot taken', () => node.port.connections().length === 0 || undefined)
        t.match(await node.metrics.text(), /^skep_network_refused_connections_total\{reason="fleet"\} 1$/m)
        t.same(node.network.status().refused, { fleet: 1 })
      },
    )
  }
}

t.test('the same stranger is answered by an open fleet', async t => {
  const node = await startFleetNode(t, { mode: 'open' })
  await node.fleet.create('home')
  const connection = await shakeHands(t, node, '/noise', [])
  const heard = collect(connection)
  connection.send(Buffer.concat([HELLO, line('/yamux/1.0.0')]))
  t.same(
    await heard.upTo(HELLO.byteLength + line('/yamux/1.0.0').byteLength),
    Buffer.concat([HELLO, line('/yamux/1.0.0')]),
  )
})
