import type { Command } from 'commander'
import { printable } from '../../control/printable.ts'
import type { PeerSummary } from '../../state/peer-state.ts'
import { contextOf, examples, printAll } from '../context.ts'
import { formatBytes, table } from '../format.ts'
import { nodeClient } from '../node-client.ts'

export function define(command: Command): void {
  command.addHelpText('after', examples('skep peers', 'skep peers --json | jq -r .peer')).action(async () => {
    const context = contextOf(command)
    const client = await nodeClient(context)
    const peers = await client.get<readonly PeerSummary[]>('peers')
    printAll(context, peers, () => describe(peers))
  })
}

function describe(peers: readonly PeerSummary[]): string {
  if (peers.length === 0) return 'no peers yet'
  return table([
    ['PEER', 'STATE', 'LATENCY', 'RECEIVED', 'SENT', 'ADDRESS'],
    ...peers.map(({ peer, liveness, latencyMs, bytesReceived, bytesSent, addresses }) => [
      peer,
      liveness,
      latencyMs === undefined ? '-' : `${latencyMs.toFixed(1)} ms`,
      formatBytes(bytesReceived),
      formatBytes(bytesSent),
      printable(addresses[0] ?? '-'),
    ]),
  ])
}
