import type { Command } from 'commander'
import { printable } from '../../../control/printable.ts'
import type { FleetStatus } from '../../../fleet/fleet-status.ts'
import { contextOf, examples, print } from '../../context.ts'
import { table } from '../../format.ts'
import { nodeClient } from '../../node-client.ts'

export function defineStatus(command: Command): void {
  command
    .description('tell which fleet the node is in, and as what')
    .addHelpText('after', examples('skep fleet status', 'skep fleet status --json | jq .fleet.members'))
    .action(() => showStatus(command))
}

export async function showStatus(command: Command): Promise<void> {
  const context = contextOf(command)
  const client = await nodeClient(context)
  const status = await client.get<FleetStatus>('fleet')
  print(context, status, () => describeStatus(status))
}

export function describeStatus({ mode, fleet }: FleetStatus): string {
  const who = mode === 'closed' ? 'members alone may connect' : 'anybody may connect'
  const modeRow = ['mode', `${mode}: ${who}`]
  if (!fleet) return table([['fleet', 'none'], modeRow])
  const { name, id, role, hasOwnerKey, term, version, members, connectedMembers, openInvites } = fleet
  return table([
    ['fleet', printable(name)],
    ['id', id],
    modeRow,
    ['this board', `${role}${hasOwnerKey ? ', with the owner key' : ''}`],
    ['members', `${members}, ${connectedMembers} of them connected`],
    ['roster', `${term}.${version}`],
    ...(openInvites > 0 ? [['invites', `${openInvites} made here and not used`]] : []),
  ])
}
