import type { Command } from 'commander'
import { printable } from '../../../printable.ts'
import type { PeerSummary } from '../../../state/peer-state.ts'
import { contextOf, examples, printAll } from '../../context.ts'
import { formatBytes, table } from '../../format.ts'
import { nodeClient } from '../../node-client.ts'

export function defineList(command: Command): void {
  command
    .description('list the peers the node knows')
    .addHelpText('after', examples('skep peers ls', 'skep peers ls --json | jq -r .peer'))
    .action(() => list(command))
}

export async function list(command: Command): Promise<void> {
  const context = contextOf(command)
  const client = await nodeClient(context)
  const peers = await client.get<readonly PeerSummary[]>('peers')
  printAll(context, peers, () => describe(peers))
}

function describe(peers: readonly PeerSummary[]): string {
  if (peers.length === 0) return 'no peers yet'
  return table([
    ['PEER', 'STATE', 'FOUND', 'WAY', 'LATENCY', 'RECEIVED', 'SENT', 'ADDRESS'],
    // The last seen first, as far as a terminal shows them.
    ...peers
      .toReversed()
      .map(peer => [
        peer.peer,
        peer.liveness,
        peer.foundBy ?? '-',
        wayOf(peer),
        formatLatency(peer.latencyMs),
        formatBytes(peer.bytesReceived),
        formatBytes(peer.bytesSent),
        printable(peer.remoteAddress ?? peer.addresses[0] ?? '-'),
      ]),
  ])
}

/** `in`, `out`, either of them `relayed`; `-` without a connection. */
export function wayOf({ direction, isRelayed }: Pick<PeerSummary, 'direction' | 'isRelayed'>): string {
  if (!direction) return '-'
  return `${direction === 'inbound' ? 'in' : 'out'}${isRelayed ? ', relayed' : ''}`
}

export function formatLatency(latencyMs: number | undefined): string {
  return latencyMs === undefined ? '-' : `${latencyMs.toFixed(1)} ms`
}
