import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import type { NodeStatus } from '../../core/state/node-state.ts'
import type { PeerSummary } from '../../core/state/peer-state.ts'
import { eventually } from '../helpers/eventually.ts'
import { createNamespace, type Namespace, namespacesMissing } from '../helpers/namespace.ts'
import { SkepProcess } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'

const run = promisify(execFile)
const MIB = 1024 * 1024

/** Addresses for documentation (RFC 5737): of no local network. */
const HOME = '198.51.100.1'
const AWAY = '203.0.113.1'

const SETTINGS = [
  'network.listen=/ip4/0.0.0.0/tcp/0',
  'plugins.monitoring.port=0',
  'plugins.discovery.mdns.enabled=false',
]

/** A cable between two namespaces, with an address of its own at each end. */
async function cable(home: Namespace, away: Namespace): Promise<void> {
  await run('ip', [
    '-n',
    home.name,
    'link',
    'add',
    'wan',
    'type',
    'veth',
    'peer',
    'name',
    'wan',
    'netns',
    away.name,
  ])
  for (const [namespace, own, other] of [
    [home, HOME, AWAY],
    [away, AWAY, HOME],
  ] as const) {
    const inside = (...args: string[]) => run('ip', ['-n', namespace.name, ...args])
    await inside('address', 'add', `${own}/32`, 'dev', 'wan')
    await inside('link', 'set', 'wan', 'up')
    await inside('route', 'add', `${other}/32`, 'dev', 'wan')
  }
}

interface Month {
  readonly sentBytes: number
}

async function sentThisMonth(node: SkepProcess): Promise<number> {
  const { details } = await node.json<NodeStatus>(['status'])
  return (details.exchange as { bandwidth: { month: Month } }).bandwidth.month.sentBytes
}

t.test('a cap for the world holds up nobody at home', { skip: await namespacesMissing() }, async t => {
  await using home = await createNamespace()
  await using away = await createNamespace()
  await cable(home, away)
  const directory = await temporaryDirectory(t)
  const start = async (name: string, namespace: Namespace, settings: string[] = []): Promise<SkepProcess> => {
    const args = [...SETTINGS, ...settings].flatMap(setting => ['--set', setting])
    const node = await SkepProcess.start(join(directory, name), args, { namespace: namespace.name })
    t.teardown(() => node.end())
    return node
  }
  const [holder, neighbour, stranger] = await Promise.all([
    start('holder', home, ['plugins.exchange.bandwidth.uploadBytesPerSecond=80kB']),
    start('neighbour', home),
    start('stranger', away),
  ])
  const file = join(directory, 'file')
  await writeFile(file, randomBytes(48 * MIB))
  const { cid } = await holder.json<{ cid: string }>(['add', file])
  const addressAt = (host: string): string =>
    holder.ready.addresses.find(address => address.startsWith(`/ip4/${host}/`)) ?? ''

  await stranger.json(['connect', addressAt(HOME)])
  const crawling = stranger.run(['pin', 'add', cid])
  await eventually('the stranger to be served', async () => (await sentThisMonth(holder)) > 0 || undefined)
  await neighbour.json(['connect', addressAt('127.0.0.1')])
  // Within the cap this would take ten minutes.
  await neighbour.json(['pin', 'add', cid])
  const sentBytes = await sentThisMonth(holder)
  t.ok(sentBytes < 16 * MIB, `${sentBytes} bytes count, those of the stranger`)
  await stranger.end()
  await crawling
})

t.test(
  "another machine's loopback is none of its addresses",
  { skip: await namespacesMissing() },
  async t => {
    await using home = await createNamespace()
    await using away = await createNamespace()
    await cable(home, away)
    const directory = await temporaryDirectory(t)
    const settings = [
      ...SETTINGS,
      'plugins.discovery.dial.targetPeers=0',
      'plugins.discovery.dial.targetMembers=0',
    ]
    const args = settings.flatMap(setting => ['--set', setting])
    const [one, two] = await Promise.all(
      [home, away].map(async ({ name: namespace }, at) => {
        const node = await SkepProcess.start(join(directory, String(at)), args, { namespace })
        t.teardown(() => node.end())
        return node
      }),
    )
    if (!one || !two) throw new Error('both nodes')
    const { peerId, addresses } = two.ready
    const address = addresses.find(text => text.includes(AWAY)) ?? ''
    t.ok(
      addresses.some(text => text.includes('/127.0.0.1/')),
      'it tells of its loopback',
    )
    await one.json(['peers', 'connect', address])
    const bare = address.slice(0, address.lastIndexOf('/p2p/'))
    await eventually('identify', async () =>
      ((await one.status()).peers[0]?.protocols.length ?? 0) > 0 ? true : undefined,
    )
    await one.run(['peers', 'disconnect', peerId])
    t.same((await one.json<PeerSummary>(['peers'])).addresses, [bare])
    t.match((await one.run(['peers'])).stdout, new RegExp(`${bare}$`, 'm'))
    await one.run(['peers', 'block', AWAY])
    t.match(await one.run(['peers', 'connect', peerId]), {
      code: 1,
      stderr: new RegExp(`^error: cannot reach ${peerId}: ${bare} \\(${AWAY} is blocked\\)\\nfix: .*unblock`),
    })
  },
)
