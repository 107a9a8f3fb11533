import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { createBridge } from '../helpers/bridge.ts'
import { eventually } from '../helpers/eventually.ts'
import { namespacesMissing } from '../helpers/namespace.ts'
import { SkepProcess } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import type { PeersReady } from './reputation-peers.ts'

const PEERS = 64
const OUTAGE_MS = 60_000
const WHOLE_MS = 30_000

const PEERS_PROGRAM = fileURLToPath(new URL('reputation-peers.ts', import.meta.url))

interface Reputation {
  readonly bannedPeers: number
  readonly reports: { readonly counted: number; readonly limited: number; readonly excused: number }
}

/** How often something is asked for while the link is down. */
const ASK_MS = 3000

t.test(
  `a node that loses its uplink for ${OUTAGE_MS / 1000} s with ${PEERS} peers bans none, and is whole again within ${WHOLE_MS / 1000} s`,
  { skip: await namespacesMissing() },
  async t => {
    const directory = await temporaryDirectory(t)
    await using bridge = await createBridge(2)
    const [here, there] = bridge.hosts
    if (!here || !there) throw new Error('two hosts')
    const { addresses, cids } = await startPeers(t, there.namespace, there.address)
    const settings = {
      'network.listen': '/ip4/0.0.0.0/tcp/0',
      'network.maxConnections': '100',
      'plugins.monitoring.port': '0',
      'plugins.nat.upnp.enabled': 'false',
      'plugins.discovery.mdns.enabled': 'false',
      'network.maxDialsPerSecond': '32',
      'plugins.discovery.dial.targetMembers': String(PEERS),
      // On a machine that does other work, too, four at a time would take too long.
      'plugins.discovery.dial.perSecond': '32',
      'plugins.discovery.dial.maxParallel': '16',
      'plugins.discovery.bootstrap': addresses.join(','),
      'plugins.exchange.stallTimeoutMs': '5s',
    }
    const options = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`])
    const node = await SkepProcess.start(directory, options, { namespace: here.namespace })
    t.teardown(() => node.end())
    const connected = async (): Promise<number> => {
      const { peers } = await node.status()
      return peers.filter(({ liveness }) => liveness === 'connected').length
    }
    const isWhole = async (): Promise<true | undefined> => ((await connected()) === PEERS ? true : undefined)
    const fetch = (cid: string | undefined) => node.run(['cat', cid ?? ''])
    await eventually('all peers', isWhole)
    t.equal((await fetch(cids[0])).code, 0)

    // The far end of the link: the node's own interface stays as it is.
    await there.setLink('down')
    // What is tested is that time passes.
    for (let lostMs = 0; lostMs < OUTAGE_MS; lostMs += ASK_MS) {
      void fetch(cids[1 + lostMs / ASK_MS])
      await wait(ASK_MS)
    }
    t.equal(await connected(), 0, 'all are lost')
    await there.setLink('up')
    const upMs = performance.now()
    await eventually('all peers again', isWhole)
    const tookMs = performance.now() - upMs
    t.ok(tookMs <= WHOLE_MS, `whole again after ${Math.round(tookMs)} ms`)
    t.equal((await fetch(cids.at(-1))).code, 0, 'content flows')

    const { details, peers } = await node.status()
    const { bannedPeers, reports } = details.reputation as Reputation
    const timeouts = peers.reduce((sum, { evidence }) => sum + (evidence.timeout ?? 0), 0)
    t.ok(timeouts > PEERS, `${timeouts} timeouts`)
    t.equal(bannedPeers, 0)
    t.same({ ...reports, excused: 0 }, { counted: 0, limited: 0, excused: 0 }, 'nobody is charged')
    t.ok(reports.excused > 0)
  },
)

async function startPeers(t: Test, namespace: string, host: string): Promise<PeersReady> {
  const command = [process.execPath, PEERS_PROGRAM, host, String(PEERS)]
  const child = spawn('ip', ['netns', 'exec', namespace, ...command], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.stdin.end()
    await exited
  })
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  return JSON.parse(line)
}
