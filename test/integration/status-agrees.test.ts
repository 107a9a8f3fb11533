import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { firstCipher } from '../../core/network/ciphers.ts'
import type { NodeStatus } from '../../core/state/node-state.ts'
import { eventually } from '../helpers/eventually.ts'
import { QUIET } from '../helpers/quiet-node.ts'
import { SkepProcess } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'

/** What changes from one look to the next even when nothing happens. */
const MOVING = ['uptimeMs', 'details', 'storage', 'peers'] as const

const still = (status: NodeStatus): object => {
  const { traffic: _, ...network } = status.network
  const rest: Record<string, unknown> = { ...status, network }
  for (const key of MOVING) delete rest[key]
  return rest
}

const written = ({ storage: { blocks, usedBytes, wear }, pins }: NodeStatus) => ({
  blocks,
  usedBytes,
  pins,
  source: wear.source,
  logicalBytes: wear.logicalBytes,
})

t.test('`skep status --json`, /status and /metrics tell the same', async t => {
  const directory = await temporaryDirectory(t)
  const start = async (name: string): Promise<SkepProcess> => {
    const node = await SkepProcess.start(join(directory, name), QUIET)
    t.teardown(() => node.end())
    return node
  }
  const [node, other] = await Promise.all([start('a'), start('b')])
  await node.json(['connect', other.ready.addresses[0] ?? ''])
  await node.json(['add', new URL('../../package.json', import.meta.url).pathname])

  const statusByCommand = (): Promise<NodeStatus> => node.json<NodeStatus>(['status'])
  // What is written moves the figures, and is counted a little later. Between looks that show the same, nothing was.
  const { byCommand, byHttp, metrics } = await eventually(
    'looks that show what was added, and nothing written between them',
    async () => {
      const byCommand = await statusByCommand()
      const byHttp = (await (await fetch(`${node.ready.monitoring}/status`)).json()) as NodeStatus
      const metrics = await (await fetch(`${node.ready.monitoring}/metrics`)).text()
      const after = await statusByCommand()
      const isStill = isDeepStrictEqual(written(byCommand), written(after))
      const isCounted = after.storage.wear.logicalBytes > 1000
      return isStill && isCounted ? { byCommand, byHttp, metrics } : undefined
    },
  )
  const metric = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1])

  t.same(still(byHttp), still(byCommand))
  const cpuinfo = await readFile('/proc/cpuinfo', 'utf8')
  for (const { storage, pins, peers, network } of [byCommand, byHttp]) {
    t.equal(storage.blocks, 1)
    t.equal(metric('skep_node_storage_blocks'), storage.blocks)
    t.equal(metric('skep_node_storage_used_bytes'), storage.usedBytes)
    t.equal(metric('skep_node_storage_max_bytes'), storage.maxBytes)
    t.equal(metric('skep_node_storage_logical_bytes_total'), storage.wear.logicalBytes)
    t.equal(metric('skep_node_disk_rated_bytes'), storage.wear.card.ratedBytes)
    t.equal(metric('skep_node_pins\\{state="pinned"\\}'), pins.pinned)
    const connected = peers.filter(({ liveness }) => liveness === 'connected')
    t.equal(connected.length, 1)
    t.match(connected, [{ encryption: '/tls/1.0.0' }])
    t.equal(network.firstCipher, firstCipher(cpuinfo))
    t.equal(metric('skep_node_peers\\{liveness="connected"\\}'), connected.length)
  }
  t.equal((await fetch(`${node.ready.monitoring}/readyz`)).status, 200)
})
