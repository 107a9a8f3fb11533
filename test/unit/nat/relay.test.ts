import { multiaddr } from '@multiformats/multiaddr'
import t, { type Test } from 'tap'
import type { NatConfig, RelayConfig } from '../../../plugins/nat/config.ts'
import { liveParts } from '../../../plugins/nat/parts.ts'
import { RelayClient } from '../../../plugins/nat/relay-client.ts'
import { RelayServer } from '../../../plugins/nat/relay-server.ts'
import { eventually } from '../../helpers/eventually.ts'
import { protocolOf, startNode, type TestNode } from '../network/nodes.ts'

const CONFIG: RelayConfig = {
  client: true,
  maxRelays: 1,
  server: 'members',
  maxReservations: 4,
  maxBytes: 128 * 1024,
  maxDurationMs: 120_000,
} satisfies NatConfig['relay']

async function startRelay(t: Test, config: Partial<RelayConfig> = {}, members: readonly TestNode[] = []) {
  const node = await startNode(t)
  const server = new RelayServer(
    { ...CONFIG, ...config },
    {
      parts: await liveParts(node.port),
      network: node.port,
      isMember: peer => members.some(({ network }) => network.self.equals(peer)),
    },
  )
  await server.start()
  return { node, server }
}

async function startClient(t: Test, node?: TestNode) {
  const own = node ?? (await startNode(t))
  const client = new RelayClient(CONFIG, { parts: await liveParts(own.port), network: own.port })
  await client.start()
  return { node: own, client }
}

async function connect(from: TestNode, to: TestNode): Promise<void> {
  await from.port.dial(to.port.addresses())
  await eventually('identify', () => from.port.protocolsOf(to.network.self))
}

t.test('a member is reached through the relay, by no protocol of ours', async t => {
  const hidden = await startNode(t)
  const { node: relay, server } = await startRelay(t, {}, [hidden])
  const { client } = await startClient(t, hidden)
  const { node: caller } = await startClient(t)
  await hidden.port.handle(protocolOf(), async () => {})
  await connect(hidden, relay)
  await client.listen()
  const address = await eventually('a place', () => client.addresses[0])
  t.same(client.relays.map(String), [relay.network.self.toString()])
  t.equal(server.reservations, 1)

  const { self } = hidden.network
  const connection = await caller.port.dial(multiaddr(`${address}/p2p/${self}`))
  t.ok(connection.limits, 'the connection is limited')
  t.type(await caller.port.ping(self), 'number', 'pings pass')
  await t.rejects(caller.port.open(self, protocolOf()), {
    code: 'DIAL_FAILED',
    message: `cannot open /skep/test/1.0.0 to ${self}: only a relay connects it, and those carry no /skep/test/1.0.0`,
  })
  await t.rejects(caller.port.openLane(self, protocolOf()), { code: 'LANE_UNAVAILABLE' })

  await client.unlisten()
  t.same([client.isListening, client.relays], [false, []], 'who can be reached gives its place back')
  await client.stop()
  await server.stop()
  t.equal(server.reservations, 0)
})

t.test(
  'strangers get no place where it is for members; of those for anyone a quarter is for members',
  async t => {
    const member = await startNode(t)
    const { node: relay, server } = await startRelay(t, { server: 'anyone', maxReservations: 2 }, [member])
    const strangers = await Promise.all([startClient(t), startClient(t)])
    for (const { node, client } of strangers) {
      await connect(node, relay)
      await client.listen()
      await eventually('an answer', () => (server.reservations > 0 ? true : undefined))
    }
    const { client } = await startClient(t, member)
    await connect(member, relay)
    await client.listen()
    await eventually('a place', () => client.addresses[0])
    t.equal(server.reservations, 2)
    t.equal(strangers.filter(({ client }) => client.relays.length > 0).length, 1)
  },
)
