import type { Test } from 'tap'
import type { NodeStatus } from '../../core/state/node-state.ts'
import type { NatStatus } from '../../plugins/nat/nat.ts'
import { eventually } from '../helpers/eventually.ts'
import { createNatNetwork, type Masquerade, type NatNetwork } from '../helpers/nat-network.ts'
import { SkepProcess } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'

/** Where all nodes of these tests listen. */
export const PORT = 4001
const SETTINGS = [`network.listen=/ip4/0.0.0.0/tcp/${PORT}`, 'plugins.monitoring.port=0']

/** A node in a namespace, stopped when the test ends. */
export async function startIn(t: Test, namespace: string, ...settings: string[]): Promise<SkepProcess> {
  const args = [...SETTINGS, 'plugins.discovery.mdns.enabled=false', ...settings].flatMap(one => [
    '--set',
    one,
  ])
  const node = await SkepProcess.start(await temporaryDirectory(t), args, { namespace })
  t.teardown(() => node.end())
  return node
}

export const statusOf = (node: SkepProcess): Promise<NodeStatus> => node.status()

export async function natOf(node: SkepProcess): Promise<NatStatus> {
  return (await statusOf(node)).details.nat as NatStatus
}

const addressOf = (host: { address: string }, { ready }: SkepProcess): string =>
  `/ip4/${host.address}/tcp/${PORT}/p2p/${ready.peerId}`

export const reaches = (node: SkepProcess, wanted: NatStatus['reachability']): Promise<NatStatus> =>
  eventually(`${node.ready.peerId} to be ${wanted}`, async () => {
    const nat = await natOf(node)
    return nat.reachability === wanted ? nat : undefined
  })

export interface World {
  readonly network: NatNetwork
  readonly relay: SkepProcess
  readonly relayAddress: string
}

/** A node on the public side that relays for anyone, another one there, and homes without any. */
export async function startWorld(t: Test, masquerade?: Masquerade): Promise<World> {
  const network = await createNatNetwork(masquerade)
  t.teardown(() => network[Symbol.asyncDispose]())
  const relay = await startIn(t, network.relay.namespace, 'plugins.nat.relay.server=anyone')
  const relayAddress = addressOf(network.relay, relay)
  await startIn(t, network.witness.namespace, `plugins.discovery.bootstrap=${relayAddress}`)
  return { network, relay, relayAddress }
}
