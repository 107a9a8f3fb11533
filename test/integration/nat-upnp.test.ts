import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { createCarrierHome, natNetworkMissing, startUpnpRouter } from '../helpers/nat-network.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { natOf, PORT, reaches, startIn, startWorld, statusOf } from './nat-world.ts'

// They mostly wait.
t.jobs = 2

const skip = await natNetworkMissing('miniupnpd')

t.test('a router with UPnP forwards a port while the node runs', { skip }, async t => {
  const { network, relay, relayAddress } = await startWorld(t)
  const [home] = network.homes
  const router = await startUpnpRouter(home, await temporaryDirectory(t))
  t.teardown(() => router[Symbol.asyncDispose]())
  const node = await startIn(t, home.host, `plugins.discovery.bootstrap=${relayAddress}`)
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

  const stranger = await startIn(t, network.homes[1].host, 'plugins.nat.upnp.enabled=false')
  const { code, stderr } = await stranger.run(['peers', 'connect', `${mapped}/p2p/${node.ready.peerId}`])
  t.equal(code, 0, stderr)
  t.equal((await reaches(relay, 'public')).relayServer.running, true)

  await node.end()
  t.same(await router.mappings(), [], 'the router has forgotten it')
})

t.test('a router behind another one forwards nothing, and the status says why', { skip }, async t => {
  const home = await createCarrierHome()
  t.teardown(() => home[Symbol.asyncDispose]())
  const router = await startUpnpRouter(home, await temporaryDirectory(t))
  t.teardown(() => router[Symbol.asyncDispose]())
  const node = await startIn(t, home.host)
  const upnp = await eventually('the router to answer', async () => {
    const { upnp } = await natOf(node)
    return upnp?.state === 'none' ? upnp : undefined
  })
  t.match(upnp, { router: '192.168.1.1', mappings: [], reason: /no public .*double NAT/ })
  const { phase, reasons } = await statusOf(node)
  t.same([phase, reasons], ['ready', []], 'that is no fault of the node')
})
