import type { Command } from 'commander'
import type { FleetMember, FleetStatus } from '../../../fleet/fleet-status.ts'
import { printable } from '../../../printable.ts'
import { contextOf, examples, print, printAll } from '../../context.ts'
import { table } from '../../format.ts'
import { interruption } from '../../interrupt.ts'
import { nodeClient } from '../../node-client.ts'
import { notEmpty } from '../../options.ts'
import { describeNone } from './status.ts'

const MEMBER = 'name, peer id, or the last few characters of one'

export function defineMembers(command: Command): void {
  command
    .description('list who is in the fleet')
    .addHelpText('after', examples('skep fleet members', 'skep fleet members --json | jq -r .peer'))
    .action(async () => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const members = await client.get<readonly FleetMember[]>('fleet/members')
      // Who is in none may have been in one: the status tells.
      const none =
        context.json || members.length > 0 ? '' : describeNone(await client.get<FleetStatus>('fleet'))
      printAll(context, members, () => none || describe(members))
    })
}

export function defineRemove(command: Command): void {
  command
    .description('take a board out of the fleet: members hang up on it as soon as they hear')
    .argument('<member>', MEMBER, notEmpty)
    .addHelpText('after', examples('skep fleet remove kitchen'))
    .action(async (member: string) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const removed = await client.operate<FleetMember>({
        method: 'DELETE',
        path: 'fleet/members',
        query: { member },
        signal: interruption(),
      })
      print(context, removed, () => `removed ${nameOf(removed)}`)
    })
}

export function defineDelegate(command: Command): void {
  command
    .description('make a member an operator, who can invite and remove members; takes the owner key')
    .argument('<member>', MEMBER, notEmpty)
    .option('--revoke', 'make an operator a member again')
    .addHelpText('after', examples('skep fleet delegate kitchen', 'skep fleet delegate kitchen --revoke'))
    .action(async (member: string, { revoke = false }: { revoke?: boolean }) => {
      const context = contextOf(command)
      const client = await nodeClient(context)
      const call = { path: 'fleet/operators', signal: interruption() }
      const changed = await (revoke
        ? client.operate<FleetMember>({ ...call, method: 'DELETE', query: { member } })
        : client.operate<FleetMember>({ ...call, method: 'POST', body: { member } }))
      print(
        context,
        changed,
        () => `${nameOf(changed)} is ${changed.role === 'operator' ? 'an' : 'a'} ${changed.role}`,
      )
    })
}

function nameOf({ name, peer }: FleetMember): string {
  return `${printable(name)} (${peer})`
}

function describe(members: readonly FleetMember[]): string {
  return table([
    ['PEER', 'NAME', 'ROLE', 'STATE'],
    ...members.map(({ peer, name, role, isSelf, isConnected }) => [
      peer,
      printable(name),
      role,
      isSelf ? 'this board' : isConnected ? 'connected' : '-',
    ]),
  ])
}
