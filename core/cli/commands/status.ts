import type { Command } from 'commander'
import type { FleetStatus } from '../../fleet/fleet-status.ts'
import type { NodeStatus } from '../../state/node-state.ts'
import { contextOf, examples, print } from '../context.ts'
import { formatBytes, formatDuration, table } from '../format.ts'
import { nodeClient } from '../node-client.ts'
import { fleetRow } from './fleet/status.ts'
import { networkRows } from './status/network-rows.ts'

export function define(command: Command): void {
  command
    .addHelpText('after', examples('skep status', 'skep status --json | jq .storage.usedBytes'))
    .action(async () => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const status = await client.get<NodeStatus>('status')
      print(context, status, () => describe(status))
    })
}

/** The node is there before its fleet is. */
function fleetRows(fleet: unknown): string[][] {
  return typeof fleet === 'object' && fleet !== null && 'mode' in fleet
    ? [fleetRow(fleet as FleetStatus)]
    : []
}

/** Where programs with a token may ask; most nodes have no such place. */
function controlRows(control: unknown): string[][] {
  const { url } = (control ?? {}) as { url?: string }
  return url === undefined ? [] : [['control', `${url}, with a token`]]
}

function describe(status: NodeStatus): string {
  const { storage, pins, plugins, peers } = status
  const running = plugins.filter(({ state }) => state === 'running').length
  const connected = peers.filter(({ direction }) => direction !== undefined)
  const silent = connected.filter(({ liveness }) => liveness === 'suspect').length
  return table([
    ['node', `${status.phase}${status.reasons.length > 0 ? ` (${status.reasons.join('; ')})` : ''}`],
    ['peer id', status.peerId],
    ...status.addresses.map(address => ['address', address]),
    ['up', formatDuration(status.uptimeMs)],
    ['version', `${status.version}, profile ${status.profile}`],
    ['data', status.dataDirectory],
    [
      'storage',
      `${formatBytes(storage.usedBytes)} of ${formatBytes(storage.maxBytes)} in ${storage.blocks} blocks`,
    ],
    ['disk free', formatBytes(storage.freeDiskBytes)],
    ['disk wear', describeWear(storage.wear)],
    ...storage.repairs.map(({ message }) => ['repaired', message]),
    ['pins', `${pins.pinned} pinned, ${pins.pinning} pinning`],
    [
      'peers',
      `${connected.length} connected${silent > 0 ? ` (${silent} of them silent)` : ''}, ${peers.length} known`,
    ],
    ...fleetRows(status.details.fleet),
    ...controlRows(status.details.control),
    ...networkRows(status),
    ['plugins', `${running} of ${plugins.length} running`],
  ])
}

/** `3.2 GiB written to mmcblk0, 41 MiB a day (own writes), 1.04 × the content; about 12 years left`, as far as it is known. Exported to be tested on its own. */
export function describeWear({
  source,
  counts,
  device,
  writtenBytes,
  writtenBytesPerDay,
  amplification,
  card,
}: NodeStatus['storage']['wear']): string {
  if (source === null) return 'nothing here counts writes'
  const pace = writtenBytesPerDay === null ? '' : `, ${formatBytes(writtenBytesPerDay)} a day`
  const times = amplification === null ? '' : `, ${amplification.toFixed(2)} × the content`
  const left = card.daysLeft === null ? '' : `; ${describeLife(card.daysLeft)} left at this pace`
  return `${formatBytes(writtenBytes)} written${device ? ` to ${device}` : ''}${pace} (${counts})${times}${left}`
}

const DAYS_PER_YEAR = 365
/** Beyond that something else ends first. */
const MAX_TOLD_YEARS = 50

function describeLife(days: number): string {
  const years = days / DAYS_PER_YEAR
  if (years > MAX_TOLD_YEARS) return `more than ${MAX_TOLD_YEARS} years`
  return years < 2 ? `about ${Math.floor(days)} days` : `about ${Math.floor(years)} years`
}
