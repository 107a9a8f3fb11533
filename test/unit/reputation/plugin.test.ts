import t from 'tap'
import { Events, Peers, Reputation } from '../../../core/api.ts'
import { find, use } from '../../../core/container.ts'
import plugin from '../../../plugins/reputation/index.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startPlugins } from '../../helpers/plugin-node.ts'
import { HELLO, line, rawHandshake } from '../../helpers/raw-handshake.ts'
import { nextEvent, startNode } from '../network/nodes.ts'
import { collect } from '../network/raw-connections.ts'

t.test('a ban hangs up at once and holds in both directions, until it is pardoned', async t => {
  const node = await startPlugins([{ plugin }])
  t.teardown(() => node.stop())
  const peers = use(node.container, Peers)
  const events = use(node.container, Events)
  const reputation = use(node.container, Reputation)
  const port = node.core.network.port('test').port
  const other = await startNode(t)
  const otherId = other.port.self
  const [address] = other.port.addresses()
  const [ownAddress] = port.addresses()
  if (!address || !ownAddress) throw new Error('both listen')
  await port.dial(address)

  const banned = nextEvent(events, 'peer:banned')
  const gone = nextEvent(events, 'peer:disconnected')
  for (let time = 0; time < 2; time++) peers.report(otherId, 'invalid-block', 'wrong')
  t.match(await banned, { kind: 'invalid-block', durationMs: 3_600_000 })
  t.ok((await gone).peer.equals(otherId))
  t.ok(reputation.isBanned(otherId))
  await t.rejects(port.dial(address), { code: 'DIAL_FAILED' }, 'by its address')
  await t.rejects(port.dial(otherId), { code: 'DIAL_FAILED' }, 'by its id')
  await t.rejects(
    port.dial(address.decapsulate(`/p2p/${otherId}`)),
    { code: 'DIAL_FAILED' },
    'by whoever answers there',
  )
  // Whoever dials has a connection until it hears that it was refused.
  const isAlone = () => other.port.connectedPeers().length === 0 || undefined
  await eventually('the end of what was dialed', isAlone)
  await other.port.dial(ownAddress).catch(() => undefined)
  await eventually(
    'the refusal',
    async () =>
      /refused_connections_total\{direction="inbound"\} [1-9]/.test(await node.core.metrics.text()) ||
      undefined,
  )
  t.same(port.connections(otherId), [], 'it is not let in')
  t.match(node.state.status().details.reputation, {
    knownPeers: 1,
    bannedPeers: 1,
    reports: { counted: 2, limited: 0, excused: 0 },
    bans: [{ peer: otherId.toString(), kind: 'invalid-block' }],
  })
  const metrics = await node.core.metrics.text()
  t.match(metrics, /^skep_reputation_banned_peers 1$/m)
  t.match(metrics, /^skep_reputation_refused_connections_total\{direction="outbound"\} [1-9]/m)
  t.notMatch(metrics, otherId.toString(), 'no metric names a peer')

  await reputation.pardon(otherId)
  t.ok(await port.dial(address))
  const again = nextEvent(other.events, 'peer:connected')
  t.ok(port.connections(otherId).length > 0)
  await port.hangUp(otherId)
  await eventually('the end of that connection', isAlone)
  await other.port.dial(ownAddress)
  await again
})

t.test('who is banned in the midst of connecting is not let in', async t => {
  const node = await startPlugins([{ plugin }])
  t.teardown(() => node.stop())
  const { network, metrics } = node.core
  const port = network.port('test').port
  const tcpPort = Number(/tcp\/(\d+)/.exec(String(port.addresses()[0]))?.[1])
  const { self, connection } = await rawHandshake(t, tcpPort, { encryption: '/noise', muxers: [] })
  const heard = collect(connection)
  const hello = Buffer.concat([HELLO, line('/yamux/1.0.0')])
  connection.send(HELLO)
  await heard.upTo(HELLO.byteLength)
  // By now it has been asked whether this key may come in, and no muxer is agreed on.
  const peers = use(node.container, Peers)
  for (let time = 0; time < 2; time++) peers.report(self, 'invalid-block', 'wrong')
  t.ok(use(node.container, Reputation).isBanned(self))
  connection.send(line('/yamux/1.0.0'))
  await heard.upTo(hello.byteLength + 1)
  t.equal(port.connections(self).length, 0)
  t.match(await metrics.text(), /^skep_reputation_refused_connections_total\{direction="inbound"\} 1$/m)
})

t.test('the service goes with the plugin, and its gate, too', async t => {
  const node = await startPlugins([{ plugin }])
  t.teardown(() => node.stop())
  const peers = use(node.container, Peers)
  const port = node.core.network.port('test').port
  const other = await startNode(t)
  const [address] = other.port.addresses()
  if (!address) throw new Error('it listens')
  for (let time = 0; time < 2; time++) peers.report(other.port.self, 'invalid-block', 'wrong')
  await t.rejects(port.dial(address), { code: 'DIAL_FAILED' })
  await node.host.stopAll()
  t.equal(find(node.container, Reputation), undefined)
  t.ok(await port.dial(address))
})
