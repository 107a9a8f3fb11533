import type { Command } from 'commander'
import type { NodeStatus } from '../../state/node-state.ts'
import { contextOf, examples, print } from '../context.ts'
import { formatBytes, formatDuration, table } from '../format.ts'
import { nodeClient } from '../node-client.ts'

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

function describe(status: NodeStatus): string {
  const { storage, connections, pins, plugins, peers } = status
  const running = plugins.filter(({ state }) => state === 'running').length
  const connected = peers.filter(({ liveness }) => liveness === 'connected').length
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
    ['pins', `${pins.pinned} pinned, ${pins.pinning} pinning`],
    ['peers', `${connected} connected, ${peers.length} known`],
    ['connections', `${connections.inbound} in, ${connections.outbound} out, at most ${connections.max}`],
    ['plugins', `${running} of ${plugins.length} running`],
  ])
}
