import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { PeerSummary } from '../../core/state/peer-state.ts'
import { eventually } from '../helpers/eventually.ts'
import { natNetworkMissing } from '../helpers/nat-network.ts'
import type { SkepProcess } from '../helpers/skep-process.ts'
import { natOf, reaches, startIn, startWorld, statusOf, type World } from './nat-world.ts'

const SETTINGS = ['plugins.nat.upnp.enabled=false', 'plugins.exchange.findTimeoutMs=2s']

async function traverse(t: Test, { network, relayAddress }: World): Promise<[SkepProcess, SkepProcess]> {
  const bootstrap = `plugins.discovery.bootstrap=${relayAddress}`
  const nodes = await Promise.all(network.homes.map(({ host }) => startIn(t, host, bootstrap, ...SETTINGS)))
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

// They mostly wait.
t.jobs = 2

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
