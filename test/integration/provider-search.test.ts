import { randomBytes } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import t, { type Test } from 'tap'
import { use } from '../../core/container.ts'
import { cidOf } from '../../core/content/hashes.ts'
import { Blocks } from '../../core/services/blocks.ts'
import { Pins } from '../../core/services/pins.ts'
import { Storage } from '../../core/storage/storage.ts'
import exchange from '../../plugins/exchange/index.ts'
import routing from '../../plugins/routing/index.ts'
import { startDelegatedServer, startDhtNode } from '../helpers/dht-nodes.ts'
import { eventually } from '../helpers/eventually.ts'
import { type PluginNode, startPlugins } from '../helpers/plugin-node.ts'
import { type ConfigChanges, configOf, FLEET } from '../unit/routing/fixture.ts'

const RAW = 0x55

async function start(t: Test, config: ConfigChanges): Promise<PluginNode> {
  const node = await startPlugins([
    { plugin: routing, config: configOf(config) },
    { plugin: exchange, config: { findTimeoutMs: 2000 } },
  ])
  t.teardown(() => node.stop())
  return node
}

interface Details {
  readonly dht: { readonly peers: number }
  readonly provide: { readonly announced: number }
}

function details({ state }: PluginNode): Details {
  return state.status().details.routing as Details
}

async function pin({ container }: PluginNode): Promise<CID> {
  const bytes = new Uint8Array(randomBytes(1000))
  const cid = cidOf(RAW, bytes)
  await use(container, Storage).blocks.put(cid, bytes)
  await use(container, Pins).add(cid)
  return cid
}

t.test('a block that no connected peer has is fetched from whoever is said to have it', async t => {
  const theirs = await startDhtNode(t)
  const url = await startDelegatedServer(t, theirs)
  const holder = await start(t, FLEET)
  await holder.core.network.port('test').port.dial(theirs.getMultiaddrs())
  await eventually('the DHT', () => (details(holder).dht.peers > 0 ? true : undefined))
  const cid = await pin(holder)
  await eventually('the announcement', () => (details(holder).provide.announced > 0 ? true : undefined))

  const seeker = await start(t, { delegated: [url] })
  const port = seeker.core.network.port('test').port
  t.same(port.connectedPeers(), [], 'it knows nobody')
  await using session = use(seeker.container, Blocks).session(cid)
  t.equal((await session.get(cid)).length, 1000)
  t.same(port.connectedPeers().map(String), [holder.core.network.self.toString()])

  const missing = cidOf(RAW, new Uint8Array(randomBytes(10)))
  await using other = use(seeker.container, Blocks).session(missing)
  await t.rejects(other.get(missing), { code: 'CONTENT_UNAVAILABLE' }, 'what nobody has is told')
})
