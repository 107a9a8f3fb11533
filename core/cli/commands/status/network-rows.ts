import { printable } from '../../../printable.ts'
import type { NodeStatus } from '../../../state/node-state.ts'
import { formatBytes, formatDuration } from '../../format.ts'

/** More tell no more, on a terminal. */
const MAX_BANNED_ROWS = 3

type Row = readonly [name: string, text: string]

/** What `skep status` tells of the network: what the core knows, and what plugins add where they run. */
export function networkRows({ network, connections, details }: NodeStatus): Row[] {
  const { traffic, observed, dials, blocked, refused, isPrivate } = network
  const { relayed } = network.connections
  return [
    ...observed.map(
      ({ address, by, verified }): Row => [
        'seen as',
        `${printable(address)} (${by}${verified ? '' : ', not verified'})`,
      ],
    ),
    ...(isPrivate ? [['swarm', 'private: those alone who have the same swarm key'] as const] : []),
    ...reachabilityRows(details.nat),
    ...routingRows(details.routing),
    [
      'connections',
      `${connections.inbound} in, ${connections.outbound} out, ${relayed} of them relayed; at most ${connections.max}`,
    ],
    ...(dials.queued > 0 ? [['dials', `${dials.queued} under way or waiting`] as const] : []),
    [
      'traffic',
      `${formatBytes(traffic.receivedBytesPerSecond)}/s in, ${formatBytes(traffic.sentBytesPerSecond)}/s out; ${formatBytes(traffic.receivedBytes)} received, ${formatBytes(traffic.sentBytes)} sent`,
    ],
    ...refusedRows(refused),
    ...(blocked > 0 ? [['blocked', `${blocked}, see \`skep peers blocks\``] as const] : []),
    ...bannedRows(details.reputation),
  ]
}

/** `14 connections (9 fleet, 5 rate)`: who came and was not let in. */
function refusedRows(refused: NodeStatus['network']['refused']): Row[] {
  const reasons = Object.entries(refused).sort(([, one], [, other]) => other - one)
  if (reasons.length === 0) return []
  const total = reasons.reduce((sum, [, count]) => sum + count, 0)
  return [
    ['refused', `${total} connections (${reasons.map(([why, count]) => `${count} ${why}`).join(', ')})`],
  ]
}

/** Of the nat plugin: whether strangers can connect, and what that rests on. */
function reachabilityRows(nat: unknown): Row[] {
  const { reachability, reason } = fieldsOf(nat)
  if (typeof reachability !== 'string') return []
  return [['reachable', printable(typeof reason === 'string' ? `${reachability}: ${reason}` : reachability)]]
}

/** Of the routing plugin: its DHT, where it takes part in one, and what is announced there. */
function routingRows(routing: unknown): Row[] {
  const { dht, provide } = fieldsOf(routing)
  const { network, mode, peers, records } = fieldsOf(dht)
  if (typeof peers !== 'number') return []
  const { what, state, share } = fieldsOf(provide)
  const done = typeof share === 'number' ? `, ${Math.floor(share * 100)} % of this period` : ''
  return [
    ['dht', printable(`${network}: ${mode}, ${peers} peers, ${records} records`)],
    ...(typeof state === 'string' ? [['announcing', printable(`${what}: ${state}${done}`)] as const] : []),
  ]
}

/** Of the reputation plugin: the latest of those it keeps out. `skep status --json` has more. */
function bannedRows(reputation: unknown): Row[] {
  const { bannedPeers, bans } = fieldsOf(reputation)
  if (typeof bannedPeers !== 'number' || bannedPeers === 0 || !Array.isArray(bans)) return []
  return bans.slice(0, MAX_BANNED_ROWS).map((ban, index): Row => {
    const { peer, kind, endsInMs } = fieldsOf(ban)
    const left = typeof endsInMs === 'number' ? ` for ${formatDuration(endsInMs)}` : ''
    return [index === 0 ? `${bannedPeers} banned` : '', printable(`${peer}: ${kind}${left}`)]
  })
}

/** What a plugin says of itself may have any shape. */
function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
