import { setTimeout } from 'node:timers/promises'
import { type FleetMember, startFleet } from '../../test/helpers/members-fleet.ts'
import { cidOfHash, hashOf } from '../../test/helpers/members-node.ts'
import { type BenchRow, benchRow } from './row.ts'

/** Lookups of blocks that nobody holds. */
const LOOKUPS = 1_000_000
const UPDATES = 200
/** Between two updates, each two of the same member: the second comes within the second in which it tells no more. */
const UPDATE_GAP_MS = 100

export interface MembersOptions {
  readonly peers: number
  /** Of each. */
  readonly blocks: number
}

/**
 * Members that tell each other what they hold, all in this process, over real connections: what knowing it takes, and how
 * long until all have seen a change.
 */
export async function members({ peers, blocks }: MembersOptions): Promise<BenchRow[]> {
  await using end = new AsyncDisposableStack()
  const test = { teardown: (step: () => unknown) => void end.defer(async () => void (await step())) }
  const cpuBefore = process.cpuUsage()
  const fleet = await startFleet(test, { peers, blocks })
  const cpu = process.cpuUsage(cpuBefore)
  const snapshotBytes = await receivedBytes(fleet)
  const [first] = fleet
  if (!first) throw new Error('a fleet has members')
  const status = first.run.index.describe()
  const look = lookUp(first, peers * blocks)
  const latencies = await update(fleet)
  const row = (metric: string, ours: number, unit: string, limit?: number): BenchRow =>
    benchRow({ bench: 'members', metric, ours, unit, ...(limit !== undefined && { limit }) })
  return [
    row('memory', status.bytes / status.blocks, 'bytes/block', 16),
    row('total-memory', status.bytes, 'bytes', status.maxBytes),
    row('snapshot', snapshotBytes / (peers * (peers - 1)), 'bytes'),
    row('snapshots-cpu', (cpu.user + cpu.system) / 1e6, 's'),
    row('false-positives', look.found / LOOKUPS, 'of lookups', ((peers - 1) * blocks) / 2 ** 48),
    row('lookup', look.microseconds, 'µs'),
    row('update-p50', percentile(latencies, 0.5), 'ms'),
    row('update-p99', percentile(latencies, 0.99), 'ms', 2000),
  ]
}

/** By all of them, everything that goes over a connection. */
async function receivedBytes(fleet: readonly FleetMember[]): Promise<number> {
  let sum = 0
  for (const { node } of fleet) {
    const line = /^skep_network_received_bytes_total (\d+)/m.exec(await node.metrics.text())
    sum += Number(line?.[1] ?? Number.NaN)
  }
  return sum
}

function lookUp({ run: { index } }: FleetMember, from: number): { found: number; microseconds: number } {
  let found = 0
  let tookMs = 0
  for (let number = from; number < from + LOOKUPS; number++) {
    const cid = cidOfHash(hashOf(number))
    const fromMs = performance.now()
    found += index.providersOf(cid).length
    tookMs += performance.now() - fromMs
  }
  return { found, microseconds: (tookMs * 1000) / LOOKUPS }
}

/** Stores blocks here and there; how long until each other member has heard of each, in milliseconds. */
async function update(fleet: readonly FleetMember[]): Promise<number[]> {
  const latencies: number[] = []
  const all = Promise.withResolvers<void>()
  const offs = fleet.map(reader => {
    const { index } = reader.run
    return index.onUpdated(() => {
      for (const update of pending) {
        if (!update.readers.has(reader) || !index.mayHave(update.holder.node.port.self, update.hash)) continue
        update.readers.delete(reader)
        latencies.push(performance.now() - update.atMs)
        if (update.readers.size === 0) pending.delete(update)
        if (latencies.length === UPDATES * (fleet.length - 1)) all.resolve()
      }
    })
  })
  const pending = new Set<{
    holder: FleetMember
    hash: Uint8Array
    atMs: number
    readers: Set<FleetMember>
  }>()
  for (let number = 0; number < UPDATES; number++) {
    const holder = fleet[Math.floor(number / 2) % fleet.length] as FleetMember
    const hash = hashOf(2 ** 31 - number)
    pending.add({
      holder,
      hash,
      atMs: performance.now(),
      readers: new Set(fleet.filter(other => other !== holder)),
    })
    holder.store.put(hash)
    await setTimeout(UPDATE_GAP_MS)
  }
  await all.promise
  for (const off of offs) off()
  return latencies
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
