import type { Command } from 'commander'
import type { FleetStatus } from '../../../fleet/fleet-status.ts'
import { printable } from '../../../printable.ts'
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
  if (isRemoved(fleet)) return table([['fleet', describeNone({ fleet })], ['id', fleet.id], modeRow])
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

/** Of a node that is in no fleet, or not any more. */
export function describeNone({ fleet }: Pick<FleetStatus, 'fleet'>): string {
  if (!fleet) return 'the node is in no fleet'
  return `removed from fleet '${printable(fleet.name)}' by its owner or an operator; a new invite brings it back`
}

/** With the owner's key it still has a say. */
function isRemoved({ role, hasOwnerKey }: NonNullable<FleetStatus['fleet']>): boolean {
  return role === 'removed' && !hasOwnerKey
}

/** For the status of the whole node: `home: operator, 2 of 3 members connected, closed`. */
export function fleetRow({ mode, fleet }: FleetStatus): [string, string] {
  if (!fleet) return ['fleet', `none, ${mode}`]
  if (isRemoved(fleet)) return ['fleet', describeNone({ fleet })]
  const { name, role, members, connectedMembers } = fleet
  return [
    'fleet',
    `${printable(name)}: ${role}, ${connectedMembers} of ${members - 1} other members connected, ${mode}`,
  ]
}
