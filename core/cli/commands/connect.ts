import type { Command } from 'commander'
import { contextOf, examples, print } from '../context.ts'
import { interruption } from '../interrupt.ts'
import { nodeClient } from '../node-client.ts'
import { notEmpty } from '../options.ts'

interface Connected {
  readonly peer: string
  readonly address: string
  /** Absent where the peer didn't answer to a ping. */
  readonly latencyMs?: number
}

export function define(command: Command): void {
  command
    .argument('<address>', 'multiaddr, or the id of a peer whose addresses are known', notEmpty)
    .addHelpText('after', examples('skep connect /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW…'))
    .action(async (address: string) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const connected = await client.operate<Connected>({
        method: 'POST',
        path: 'peers',
        body: { address },
        signal: interruption(),
      })
      const { peer, latencyMs } = connected
      const latency = latencyMs === undefined ? '' : ` (${latencyMs.toFixed(1)} ms)`
      print(context, connected, () => `connected to ${peer} at ${connected.address}${latency}`)
    })
}
