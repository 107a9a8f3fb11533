import t from 'tap'
import { createSigner, keyOf } from '../../../core/fleet/keys.ts'
import { newOwnerKey } from '../../../core/fleet/owner-key.ts'
import { edited, foundRoster } from '../../../core/fleet/roster.ts'
import { signRoster } from '../../../core/fleet/signed-roster.ts'
import * as wire from '../../../core/fleet/wire/fleet.js'
import { FleetRequest, FleetResponse } from '../../../core/fleet/wire/fleet.js'
import { defineProtocol } from '../../../core/messages/define.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startNode, type TestNode } from '../network/nodes.ts'
import { type FleetTestNode, invite, startFleetNode } from './fleet-node.ts'

const NOTHING = new Uint8Array()

const protocol = defineProtocol<FleetRequest, FleetResponse>({
  id: '/skep/fleet/1.0.0',
  request: FleetRequest,
  response: FleetResponse,
  limits: {
    maxMessageBytes: 1 << 20,
    idleTimeoutMs: 10_000,
    maxStreamsPerPeer: 10,
    streamsPerSecond: 100,
    trust: 'anyone',
    timeoutMs: 10_000,
  },
})

/** What is on the roster of `node`, as a peer would ask about it. */
function headOf({ membership }: FleetTestNode): NonNullable<FleetRequest['head']> {
  const { signed } = membership
  if (!signed) throw new Error('it is in no fleet')
  const { owner, term, version, hash } = signed.head
  return { owner: keyOf(owner), term: BigInt(term), version: BigInt(version), hash }
}

async function ask(
  stranger: TestNode,
  desk: FleetTestNode,
  request: Partial<FleetRequest>,
): Promise<FleetResponse> {
  await stranger.port.dial(desk.port.addresses())
  return protocol.call(stranger.port, desk.port.self, { roster: NOTHING, leaving: false, ...request })
}

t.test('a stranger in an open fleet is told nothing, and changes nothing', async t => {
  const desk = await startFleetNode(t, { mode: 'open' })
  await desk.fleet.create('home', 'desk')
  const kitchen = await startFleetNode(t, { mode: 'open' })
  await kitchen.join(await invite(desk))
  const before = desk.membership.signed?.bytes
  const stranger = await startNode(t)
  const head = headOf(desk)
  t.match(await ask(stranger, desk, {}), { head: undefined, roster: { byteLength: 0 } })
  t.match(await ask(stranger, desk, { head }), { head: undefined, roster: { byteLength: 0 } })
  t.match(await ask(stranger, desk, { head: { ...head, version: 0n } }), {
    head: undefined,
    roster: { byteLength: 0 },
  })
  t.match(await ask(stranger, desk, { head, leaving: true }), { head: undefined })
  t.same(desk.peers.get(stranger.port.self)?.evidence, {}, 'asking is no fault')
  t.match(await ask(stranger, desk, { head: { ...head, owner: new Uint8Array(3) } }), { head: undefined })
  t.match(desk.peers.get(stranger.port.self), { evidence: { 'protocol-violation': 1 } })
  t.same(desk.membership.signed?.bytes, before)
})

t.test('forged and replayed rosters', async t => {
  const desk = await startFleetNode(t, { mode: 'open' })
  await desk.fleet.create('home', 'desk')
  const replayed = Uint8Array.from(desk.membership.signed?.bytes ?? [])
  const kitchen = await startFleetNode(t, { mode: 'open' })
  await kitchen.join(await invite(desk))
  const { signed } = desk.membership
  if (!signed) throw new Error('it is in a fleet')
  const stranger = await startNode(t)
  const id = stranger.port.self.toString()
  const head = headOf(desk)

  for (let round = 0; round < 3; round++) await ask(stranger, desk, { head, roster: replayed })
  t.equal(desk.membership.roster?.members.size, 2, 'an old one says nothing')
  t.same(desk.peers.get(stranger.port.self)?.evidence, {}, 'nor does it take the turn of who has a newer')
  const newer = { ...head, version: head.version + 1n }
  await ask(stranger, desk, { head: newer, roster: replayed })
  t.match(desk.peers.get(stranger.port.self), { evidence: { 'protocol-violation': 1 } }, 'announced as newer')

  // As good as one can do without the key of the owner: the roster that stands, with one more member.
  const thief = createSigner(await newOwnerKey())
  const more = edited(signed.roster, [{ kind: 'add', peer: id, name: 'x', joinedMs: 1 }], id, 1)
  const own = foundRoster({ owner: thief.id, name: 'home' }, { peer: thief.id, name: 'x', joinedMs: 1 })
  const { bytes } = signRoster(own, { self: thief, owner: thief })
  const envelope = wire.SignedRoster.decode(bytes)
  const body = wire.Roster.decode(envelope.roster)
  const real = wire.Roster.decode(wire.SignedRoster.decode(signed.bytes).roster)
  const forged = wire.Roster.encode({
    ...real,
    version: BigInt(more.version),
    members: [...real.members, ...body.members],
  })
  const request = wire.SignedRoster.encode({
    roster: forged,
    signature: Uint8Array.from(thief.sign('roster', forged)),
  })
  await eventually('a turn', () =>
    ask(stranger, desk, { head: newer, roster: request }).then(
      () => true,
      () => undefined,
    ),
  )
  t.equal(desk.membership.roster?.members.size, 2)
  t.match(desk.peers.get(stranger.port.self), { evidence: { 'protocol-violation': 2 } })
  await eventually('a turn', () =>
    ask(stranger, desk, { head: newer, roster: bytes }).then(
      () => true,
      () => undefined,
    ),
  )
  t.match(
    desk.peers.get(stranger.port.self),
    { evidence: { 'protocol-violation': 3 } },
    'one of another fleet',
  )
  t.equal(desk.fleet.isMember(stranger.port.self), false)
})
