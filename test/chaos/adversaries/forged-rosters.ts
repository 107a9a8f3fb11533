import { setTimeout as wait } from 'node:timers/promises'
import { createSigner, keyOf } from '../../../core/fleet/keys.ts'
import { newOwnerKey } from '../../../core/fleet/owner-key.ts'
import { edited, foundRoster } from '../../../core/fleet/roster.ts'
import { readRoster, signRoster } from '../../../core/fleet/signed-roster.ts'
import * as wire from '../../../core/fleet/wire/fleet.js'
import { startNode, type TestNode } from '../../unit/network/nodes.ts'
import type { Attack } from './attack.ts'
import { foundFleet, inviteOf, joinBy } from './fleet-of-victim.ts'
import { type RawOffender, rawOffender } from './raw-offender.ts'

const FLEET = '/skep/fleet/1.0.0'
/** Between rosters of strangers; what comes sooner isn't looked at. */
const GAP_MS = 700

export const attack: Attack = {
  name: 'forged and replayed rosters',
  what: 'A stranger who has seen a roster of the fleet shows an older one, one with itself in it, another fleet’s, and one that is too long',
  limit:
    'Signatures of owner and operators, term and version, 160 KiB, one roster of strangers each half second',
  result: 'None counts; what is signed wrongly is charged as a violation',
  verdict: { charged: 'protocol-violation', banned: false },
  async run(arena) {
    const { victim } = arena
    const board = (): Promise<TestNode> => startNode({ teardown: arena.teardown })
    await foundFleet(victim)
    const version = async (): Promise<string> => {
      const { fleet } = await victim.client.get<{
        fleet?: { term: number; version: number; members: number }
      }>('fleet')
      return `${fleet?.term}.${fleet?.version} with ${fleet?.members}`
    }
    const old = Uint8Array.from(await joinBy(await inviteOf(victim), await board()))
    await joinBy(await inviteOf(victim), await board())
    const before = await version()
    const known = readRoster(old)
    if (!known) throw new Error('it was shown no roster')
    const { owner, term, hash } = known.head
    const head = { owner: keyOf(owner), term: BigInt(term), version: BigInt(known.head.version), hash }

    const thief = createSigner(await newOwnerKey())
    const own = signRoster(
      foundRoster({ owner: thief.id, name: 'home' }, { peer: thief.id, name: 'x', joinedMs: 1 }),
      { self: thief, owner: thief },
    )
    const mine = wire.Roster.decode(wire.SignedRoster.decode(own.bytes).roster)
    const theirs = wire.Roster.decode(wire.SignedRoster.decode(old).roster)
    const more = edited(known.roster, [{ kind: 'add', peer: thief.id, name: 'x', joinedMs: 1 }], thief.id, 1)
    const body = wire.Roster.encode({
      ...theirs,
      version: BigInt(more.version + 100),
      members: [...theirs.members, ...mine.members],
    })
    const forged = wire.SignedRoster.encode({
      roster: body,
      signature: Uint8Array.from(thief.sign('roster', body)),
    })

    // What claims to be no newer isn't looked at.
    const newer = { ...head, version: head.version + 200n }
    const show = async ({ muxer }: RawOffender, roster: Uint8Array, claimed = newer): Promise<void> => {
      await wait(GAP_MS)
      const stream = muxer.open()
      await stream.speak(FLEET)
      stream.say(wire.FleetRequest.encode({ head: claimed, roster: Uint8Array.from(roster), leaving: false }))
      stream.finish()
      await Promise.race([stream.takeMessage().catch(() => {}), stream.gone, wait(3000)])
    }
    const stranger = await rawOffender(arena)
    await show(stranger, old, head)
    for (const roster of [old, forged, own.bytes, new Uint8Array(162 * 1024)])
      await show(await rawOffender(arena), roster)
    await show(stranger, forged)
    if ((await version()) !== before) throw new Error(`the roster is ${await version()}, and was ${before}`)
  },
}
