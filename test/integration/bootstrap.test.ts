import t, { type Test } from 'tap'
import type { PeerSummary } from '../../core/state/peer-state.ts'
import { type Bridge, createBridge } from '../helpers/bridge.ts'
import { eventually } from '../helpers/eventually.ts'
import { namespacesMissing } from '../helpers/namespace.ts'
import { SkepProcess } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'

/** A node on each host, started as a user does it, with what differs from the defaults. */
async function startNodes(t: Test, { hosts }: Bridge, settings: readonly string[]): Promise<SkepProcess[]> {
  return Promise.all(hosts.map(({ namespace }) => startNode(t, namespace, settings)))
}

async function startNode(t: Test, namespace: string, settings: readonly string[]): Promise<SkepProcess> {
  const args = settings.flatMap(setting => ['--set', setting])
  const node = await SkepProcess.start(await temporaryDirectory(t), args, { namespace })
  t.teardown(() => node.end())
  return node
}

async function peersOf(node: SkepProcess): Promise<PeerSummary[]> {
  return [...(await node.status()).peers]
}

/** Resolves with the peers of a node once it is connected to all of the others. */
function company(node: SkepProcess, nodes: readonly SkepProcess[]): Promise<PeerSummary[]> {
  return eventually(`${node.ready.peerId} connected to all`, async () => {
    const peers = (await peersOf(node)).filter(({ liveness }) => liveness === 'connected')
    return nodes.every(other => other === node || peers.some(({ peer }) => peer === other.ready.peerId))
      ? peers
      : undefined
  })
}

t.test('three hosts on a bridge', { skip: await namespacesMissing() }, async t => {
  await t.test('with an empty config they find each other by mDNS', async t => {
    await using bridge = await createBridge(3)
    const nodes = await startNodes(t, bridge, [])
    const met = await Promise.all(nodes.map(node => company(node, nodes)))
    t.same(
      met.map(peers => peers.length),
      [2, 2, 2],
    )
    for (const node of nodes) {
      const found = await eventually('all by mDNS', async () => {
        const peers = await peersOf(node)
        return peers.every(({ foundBy }) => foundBy === 'mdns') ? peers : undefined
      })
      t.equal(found.length, 2, 'whoever called first')
    }
    await Promise.all(nodes.map(node => node.end()))
  })

  await t.test('without mDNS one bootstrap address is enough for all to know all', async t => {
    await using bridge = await createBridge(3)
    const [hub, ...ends] = bridge.hosts
    if (!hub) throw new Error('three hosts')
    const quiet = ['plugins.discovery.mdns.enabled=false']
    const first = await startNode(t, hub.namespace, quiet)
    const address = first.ready.addresses.find(text => text.includes(hub.address))
    const others = await Promise.all(
      ends.map(({ namespace }) =>
        startNode(t, namespace, [...quiet, `plugins.discovery.bootstrap=${address}`]),
      ),
    )
    const nodes = [first, ...others]
    const met = await Promise.all(nodes.map(node => company(node, nodes)))
    t.same(
      met.map(peers => peers.length),
      [2, 2, 2],
    )
    const sources = met.flat().map(({ foundBy }) => foundBy)
    t.equal(sources.filter(source => source === 'bootstrap').length, 2)
    t.ok(sources.includes('exchange'), `${sources}`)
    await Promise.all(nodes.map(node => node.end()))
  })
})
