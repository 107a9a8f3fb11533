import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { NodeStatus } from '../../core/state/node-state.ts'
import type { PeerSummary } from '../../core/state/peer-state.ts'
import type { NatStatus } from '../../plugins/nat/nat.ts'
import { eventually } from '../helpers/eventually.ts'
import {
  createNatNetwork,
  type Masquerade,
  type NatNetwork,
  natNetworkMissing,
  startUpnpRouter,
} from '../helpers/nat-network.ts'
import { SkepProcess } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'

const PORT = 4001
const SETTINGS = [`network.listen=/ip4/0.0.0.0/tcp/${PORT}`, 'plugins.monitoring.port=0']

async function start(t: Test, namespace: string, ...settings: string[]): Promise<SkepProcess> {
  const args = [...SETTINGS, 'plugins.discovery.mdns.enabled=false', ...settings].flatMap(one => [
    '--set',
    one,
  ])
  const node = await SkepProcess.start(await temporaryDirectory(t), args, { namespace })
  t.teardown(() => node.end())
  return node
}

const statusOf = (node: SkepProcess): Promise<NodeStatus> => node.json<NodeStatus>(['status'])

async function natOf(node: SkepProcess): Promise<NatStatus> {
  return (await statusOf(node)).details.nat as NatStatus
}

const addressOf = (host: { address: string }, { ready }: SkepProcess): string =>
  `/ip4/${host.address}/tcp/${PORT}/p2p/${ready.peerId}`

const reaches = (node: SkepProcess, wanted: NatStatus['reachability']): Promise<NatStatus> =>
  eventually(`${node.ready.peerId} to be ${wanted}`, async () => {
    const nat = await natOf(node)
    return nat.reachability === wanted ? nat : undefined
  })

interface World {
  readonly network: NatNetwork
  readonly relay: SkepProcess
  readonly relayAddress: string
}

async function startWorld(t: Test, masquerade?: Masquerade): Promise<World> {
  const network = await createNatNetwork(masquerade)
  t.teardown(() => network[Symbol.asyncDispose]())
  const relay = await start(t, network.relay.namespace, 'plugins.nat.relay.server=anyone')
  const relayAddress = addressOf(network.relay, relay)
  await start(t, network.witness.namespace, `plugins.discovery.bootstrap=${relayAddress}`)
  return { network, relay, relayAddress }
}

async function traverse(t: Test, { network, relayAddress }: World): Promise<[SkepProcess, SkepProcess]> {
  const bootstrap = `plugins.discovery.bootstrap=${relayAddress}`
  const nodes = await Promise.all(
    network.homes.map(({ host }) => start(t, host, bootstrap, 'plugins.nat.upnp.enabled=false')),
  )
  const [first, second] = nodes as [SkepProcess, SkepProcess]
  for (const node of nodes) {
    const { reason, addresses } = await reaches(node, 'private')
    t.match(reason, /outside/, 'the verdict says what it rests on')
    t.ok(addresses.every(({ reachable }) => reachable === false))
  }
  const relayed = await eventually('a place at the relay', async () => {
    const { addresses } = await statusOf(second)
    return addresses.find(address => address.startsWith(relayAddress) && address.includes('/p2p-circuit'))
  })
  t.same((await natOf(second)).relays, [relayAddress.split('/').at(-1)])
  const { code, stderr } = await first.run(['peers', 'connect', relayed])
  t.equal(code, 0, stderr)
  return [first, second]
}

async function peerOf(node: SkepProcess, { ready }: SkepProcess): Promise<PeerSummary | undefined> {
  return (await statusOf(node)).peers.find(({ peer }) => peer === ready.peerId)
}

const skip = await natNetworkMissing()

t.test('two hosts behind NATs that masquerade connect through a relay, then directly', { skip }, async t => {
  const world = await startWorld(t)
  await reaches(world.relay, 'public')
  const [first, second] = await traverse(t, world)
  for (const [node, other, home] of [
    [first, second, world.network.homes[1]],
    [second, first, world.network.homes[0]],
  ] as const) {
    const address = await eventually('a direct connection', async () => {
      const peer = await peerOf(node, other)
      return peer?.liveness === 'connected' && !peer.isRelayed ? peer.remoteAddress : undefined
    })
    t.match(address, new RegExp(`^/ip4/${home.publicAddress}/tcp/\\d+`), 'to the router of the other')
  }
  const file = join(t.testdir(), 'file')
  await writeFile(file, Buffer.alloc(4 * 1024 * 1024, 'far away'))
  const added = await second.json<{ cid: string }>(['add', file])
  const { code, stdout, stderr } = await first.run(['cat', added.cid])
  t.equal(code, 0, stderr)
  t.equal(stdout.length, 4 * 1024 * 1024)
})

t.test(
  'behind routers that choose ports at random hosts stay relayed, and no content passes',
  { skip },
  async t => {
    const world = await startWorld(t, 'masquerade fully-random')
    await reaches(world.relay, 'public')
    const [first, second] = await traverse(t, world)
    const failure = await eventually('a try to connect directly', async () => {
      return (await natOf(second)).holePunching?.lastFailure ?? undefined
    })
    t.match(failure, /connection error|timed? ?out|aborted/i)
    t.match(await peerOf(first, second), { isRelayed: true })
    const file = join(t.testdir(), 'file')
    await writeFile(file, 'far away')
    const { cid } = await second.json<{ cid: string }>(['add', file])
    const { code, stderr } = await first.run(['cat', cid])
    t.equal(code, 1, 'content does not go through the relay')
    t.match(stderr, cid, 'and the error says what is missing')
  },
)

const skipUpnp = await natNetworkMissing('miniupnpd')

t.test('a router with UPnP forwards a port while the node runs', { skip: skipUpnp }, async t => {
  const { network, relay, relayAddress } = await startWorld(t)
  const [home] = network.homes
  const router = await startUpnpRouter(home, await temporaryDirectory(t))
  t.teardown(() => router[Symbol.asyncDispose]())
  const node = await start(t, home.host, `plugins.discovery.bootstrap=${relayAddress}`)
  const mapped = `/ip4/${home.publicAddress}/tcp/${PORT}`
  const { addresses, upnp, relays } = await reaches(node, 'public')
  t.match(
    addresses.find(({ address }) => address === mapped),
    { via: 'mapping', reachable: true },
  )
  t.match(upnp, {
    state: 'mapped',
    router: '192.168.1.1',
    externalAddress: home.publicAddress,
    mappings: [{ external: `${home.publicAddress}:${PORT}`, internal: `${home.privateAddress}:${PORT}` }],
  })
  t.same(relays, [], 'it needs no relay')
  t.same(await router.mappings(), [`${PORT} ${home.privateAddress}:${PORT}`])
  const { addresses: told } = await statusOf(node)
  t.ok(told.includes(`${mapped}/p2p/${node.ready.peerId}`), 'others are told of it')

  const stranger = await start(t, network.homes[1].host, 'plugins.nat.upnp.enabled=false')
  const { code, stderr } = await stranger.run(['peers', 'connect', `${mapped}/p2p/${node.ready.peerId}`])
  t.equal(code, 0, stderr)
  t.equal((await reaches(relay, 'public')).relayServer.running, true)

  await node.end()
  t.same(await router.mappings(), [], 'the router has forgotten it')
})
