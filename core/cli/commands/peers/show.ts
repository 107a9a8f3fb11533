import type { Command } from 'commander'
import type { PeerDetails } from '../../../control/routes/peers.ts'
import type { PeerUsage } from '../../../network/peer-quota.ts'
import { printable } from '../../../printable.ts'
import { contextOf, examples, print } from '../../context.ts'
import { formatBytes, formatDuration, table } from '../../format.ts'
import { nodeClient } from '../../node-client.ts'
import { notEmpty } from '../../options.ts'
import { formatLatency, wayOf } from './list.ts'
import { PEER } from './peer-argument.ts'

export function defineShow(command: Command): void {
  command
    .description('tell all there is to know of a peer')
    .argument('<peer>', PEER, notEmpty)
    .addHelpText('after', examples('skep peers show 12D3KooWQ7…', 'skep peers show 9Xc --json | jq .worth'))
    .action(async (peer: string) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const details = await client.get<PeerDetails>('peers/show', { query: { peer } })
      print(context, details, () => describe(details, Date.now()))
    })
}

function describe(details: PeerDetails, nowMs: number): string {
  const { worth, tags, evidence, connections, blockedBy, lastSeenMs, liveness } = details
  const ago = (thenMs: number): string => `${formatDuration(Math.max(0, nowMs - thenMs))} ago`
  const rows = [
    ['peer id', details.peer],
    ['state', liveness],
    ['found by', details.foundBy ?? '-'],
    ...(liveness === 'connected' || lastSeenMs === undefined ? [] : [['last seen', ago(lastSeenMs)]]),
    ['agent', printable(details.agent ?? '-')],
    ['latency', formatLatency(details.latencyMs)],
    ['content', `${formatBytes(details.bytesReceived)} received, ${formatBytes(details.bytesSent)} sent`],
    ['encryption', details.encryption ?? '-'],
    ...connections.map(({ address, openedMs, streams, ...way }) => [
      'connection',
      `${wayOf(way)}: ${address}, ${streams} streams, opened ${ago(openedMs)}`,
    ]),
    ...details.addresses.map(address => ['address', printable(address)]),
    ['asked', asked(details.usage)],
    ['worth', String(worth.total)],
    ...Object.entries(worth.reasons).map(([reason, value]) => ['', `${value}: ${printable(reason)}`]),
    ...Object.entries(tags).map(([name, value]) => ['tag', `${printable(name)} (${value})`]),
    ...Object.entries(evidence).map(([kind, count]) => ['evidence', `${kind}: ${count}`]),
    ...(blockedBy ? [['blocked', `${blockedBy.target}${expiry(blockedBy.expiresInMs)}`]] : []),
    ...details.protocols.map(protocol => ['protocol', printable(protocol)]),
  ]
  return table(rows)
}

/** What it asked of the node. */
function asked({ openStreams, streams, refusedStreams, requests, requestBytes, busyMs }: PeerUsage): string {
  const refused = refusedStreams > 0 ? `, ${refusedStreams} refused` : ''
  const work = `${requests} messages (${formatBytes(requestBytes)}), ${(busyMs / 1000).toFixed(1)} s of work`
  return `${streams} streams, ${openStreams} open${refused}; ${work}`
}

export function expiry(expiresInMs: number | undefined): string {
  return expiresInMs === undefined ? '' : ` for ${formatDuration(expiresInMs)}`
}
