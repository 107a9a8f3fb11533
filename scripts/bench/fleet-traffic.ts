import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type BridgedHost, createBridge } from '../../test/helpers/bridge.ts'
import { eventually } from '../../test/helpers/eventually.ts'
import { SkepProcess } from '../../test/helpers/skep-process.ts'
import { type BenchRow, benchRow } from './row.ts'

const MB = 1e6
const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

/** All that a node may send and receive in a day with nothing to do: a fleet on a metered uplink has 150 MB a month for it. */
const LIMIT_MB = 5

export interface FleetTrafficOptions {
  readonly minutes: number
  /** From the start to the measurement: what a node asks often at first, neighbours and routers, it asks rarely by then. */
  readonly settleMinutes: number
  readonly nodes: number
  /** With a Kademlia network of their own. */
  readonly dht: boolean
}

/**
 * What nodes with default plugins and nothing to do send and receive, each on a host of its own on one bridge: all bytes that go
 * over its network interface, with the headers of all layers, scaled to a day; and beside it what a start takes. As root.
 */
export async function fleetTraffic({
  minutes,
  settleMinutes,
  nodes,
  dht,
}: FleetTrafficOptions): Promise<BenchRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'skep-fleet-'))
  await using bridge = await createBridge(nodes)
  const onSignal = async (signal: NodeJS.Signals): Promise<void> => {
    await bridge[Symbol.asyncDispose]()
    process.exit(signal === 'SIGINT' ? 130 : 143)
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  const settings = dht ? ['--set', 'plugins.routing.dht.network=fleet'] : []
  const started = bridge.hosts.map(({ namespace }, at) =>
    SkepProcess.start(join(directory, `${at}`), settings, { namespace }),
  )
  try {
    const fleet = await Promise.all(started)
    await Promise.all(fleet.map(node => connectedTo(node, nodes - 1)))
    await wait(settleMinutes * MINUTE_MS)
    const before = await bytesOf(bridge.hosts)
    const beganMs = performance.now()
    await wait(minutes * MINUTE_MS)
    const after = await bytesOf(bridge.hosts)
    const days = (performance.now() - beganMs) / DAY_MS
    await Promise.all(fleet.map(node => connectedTo(node, nodes - 1)))
    const each = after.map((bytes, at) => (bytes - (before[at] ?? 0)) / MB / days)
    const row = (metric: string, ours: number, unit: string, limit?: number): BenchRow =>
      benchRow({ bench: 'fleet-traffic', metric: dht ? `${metric}-dht` : metric, ours, limit, unit })
    const limit = dht ? undefined : LIMIT_MB
    return [
      row('idle-traffic', mean(each), 'MB a day and node', limit),
      row('idle-traffic-most', Math.max(...each), 'MB a day and node', limit),
      row('start-traffic', mean(before) / MB, `MB in the first ${settleMinutes} minutes and node`),
    ]
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
    const ended = await Promise.allSettled(started)
    await Promise.all(ended.map(result => (result.status === 'fulfilled' ? result.value.end() : undefined)))
    rmSync(directory, { recursive: true, force: true })
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function bytesOf(hosts: readonly BridgedHost[]): Promise<number[]> {
  return Promise.all(hosts.map(host => host.bytes()))
}

function connectedTo(node: SkepProcess, count: number): Promise<unknown> {
  return eventually(`${count} peers of ${node.ready.peerId}`, async () => {
    const { stdout } = await node.run(['peers', 'ls', '--json'])
    const connected = stdout.split('\n').filter(line => line.includes('"liveness":"connected"'))
    return connected.length >= count ? true : undefined
  })
}
