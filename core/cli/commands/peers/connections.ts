import type { Command } from 'commander'
import { contextOf, examples, print } from '../../context.ts'
import { interruption } from '../../interrupt.ts'
import { nodeClient } from '../../node-client.ts'
import { notEmpty } from '../../options.ts'
import { formatLatency } from './list.ts'
import { PEER } from './peer-argument.ts'

interface Connected {
  readonly peer: string
  readonly address: string
  /** Absent where the peer didn't answer to a ping. */
  readonly latencyMs?: number
  /** Then nothing was dialed. */
  readonly wasConnected: boolean
}

export function defineConnect(command: Command): void {
  command
    .argument('<address>', 'multiaddr, or the id of a peer whose addresses are known', notEmpty)
    .addHelpText('after', examples('skep peers connect /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW…'))
    .action(async (address: string) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const connected = await client.operate<Connected>({
        method: 'POST',
        path: 'peers',
        body: { address },
        signal: interruption(),
      })
      print(context, connected, () => describe(connected))
    })
}

function describe({ peer, address, latencyMs, wasConnected }: Connected): string {
  const already = wasConnected ? 'already ' : ''
  const latency = latencyMs === undefined ? '' : ` (${formatLatency(latencyMs)})`
  return `${already}connected to ${peer} at ${address}${latency}`
}

export function defineDisconnect(command: Command): void {
  command
    .description('hang up on a peer; either side may connect again')
    .argument('<peer>', PEER, notEmpty)
    .addHelpText('after', examples('skep peers disconnect 12D3KooWQ7…'))
    .action(async (peer: string) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const result = await client.operate<{ peer: string; connections: number }>({
        method: 'POST',
        path: 'peers/disconnect',
        body: { peer },
        signal: interruption(),
      })
      print(context, result, () =>
        result.connections === 0 ? `${result.peer} was not connected` : `disconnected from ${result.peer}`,
      )
    })
}
