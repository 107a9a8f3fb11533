import type { Test } from 'tap'
import { parseInvite } from '../../../core/fleet/invite.ts'
import { askToJoin } from '../../../core/fleet/joining.ts'
import type { TestNode } from '../../unit/network/nodes.ts'
import type { Honest } from './attack.ts'
import { HonestPeer } from './honest-peer.ts'
import type { Victim } from './victim.ts'

/** Makes the node the first member of a fleet, unless it is one. */
export async function foundFleet({ client }: Victim): Promise<void> {
  const { fleet } = await client.get<{ fleet?: object }>('fleet')
  if (!fleet) await client.operate({ method: 'POST', path: 'fleet', body: { name: 'home' } })
}

export async function inviteOf({ client }: Victim): Promise<string> {
  const made = await client.operate<{ invite: string }>({
    method: 'POST',
    path: 'fleet/invites',
    body: { expiresInMs: 60_000 },
  })
  return made.invite
}

/** Has `node` join by an invite; resolves with the roster that it was shown. */
export function joinBy(invite: string, { port, network }: TestNode): Promise<Uint8Array> {
  const options = { self: port.self.toString(), name: 'board', signal: AbortSignal.timeout(10_000) }
  return askToJoin(parseInvite(invite), options, { doors: network.doors })
}

/** Somebody honest who is a member of the fleet that the node is in. */
export function meetMember(t: Test, victim: Victim): Promise<Honest> {
  return HonestPeer.meet(t, victim, async node => {
    await foundFleet(victim)
    await joinBy(await inviteOf(victim), node)
  })
}
