import { noise } from '@chainsafe/libp2p-noise'
import type { MessageStream } from '@libp2p/interface'
import { tls } from '@libp2p/tls'
import { byteStream } from '@libp2p/utils'
import t, { type Test } from 'tap'
import { eventually } from '../../helpers/eventually.ts'
import { portOf } from '../network/nodes.ts'
import { collect, encrypterParts, rawDial } from '../network/raw-connections.ts'
import { type FleetTestNode, startFleetNode } from './fleet-node.ts'

/** Of multistream-select: https://github.com/multiformats/multistream-select */
const line = (text: string): Buffer => Buffer.from(`${String.fromCharCode(text.length + 1)}${text}\n`)
const HELLO = line('/multistream/1.0.0')

const ENCRYPTERS = { '/tls/1.0.0': tls, '/noise': noise } as const
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
  const raw = await rawDial(t, portOf(node))
  const bytes = byteStream(raw)
  await bytes.write(Buffer.concat([HELLO, line(encryption)]))
  const wanted = HELLO.byteLength + line(encryption).byteLength
  const answer = await bytes.read({ bytes: wanted })
  t.same(Buffer.from(answer?.subarray() ?? []), Buffer.concat([HELLO, line(encryption)]))
  const parts = await encrypterParts(muxers)
  const { connection, remotePeer } = await ENCRYPTERS[encryption]()(parts as never).secureOutbound(
    bytes.unwrap(),
    { skipStreamMuxerNegotiation: muxers.length === 0 },
  )
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
