import { peerIdFromString } from '@libp2p/peer-id'
import t from 'tap'
import type { Signer } from '../../../core/fleet/keys.ts'
import { Membership } from '../../../core/fleet/membership.ts'
import { MAX_INVITES } from '../../../core/fleet/open-invites.ts'
import { signRoster } from '../../../core/fleet/signed-roster.ts'
import { MemoryStore } from '../../../core/storage/memory-store.ts'
import type { KeyValueStore } from '../../../core/storage/storage.ts'
import { createParties, signerNumber } from './parties.ts'

const { owner, desk, kitchen, attic } = await createParties()
const HOUR_MS = 3_600_000

interface Clock {
  wallMs: number
  nowMs: number
}

function membershipOf(
  self: Signer,
  {
    key,
    store = new MemoryStore('vault'),
    clock = { wallMs: 1_700_000_000_000, nowMs: 0 },
  }: { key?: Signer; store?: KeyValueStore; clock?: Clock } = {},
): Membership {
  return new Membership({
    store,
    signers: { self, owner: key },
    wallMs: () => clock.wallMs,
    nowMs: () => clock.nowMs,
  })
}

/** The desk's, with the kitchen and whoever else as members. */
async function createFleet(...members: Signer[]): Promise<Membership> {
  const fleet = membershipOf(desk, { key: owner })
  await fleet.found('home', { name: 'desk' })
  for (const { id } of [kitchen, ...members]) await add(fleet, id)
  return fleet
}

const add = (fleet: Membership, peer: string): Promise<void> =>
  fleet.edit({ kind: 'add', peer, name: 'a board', joinedMs: 1 })

async function enter(self: Signer, fleet: Membership, key?: Signer): Promise<Membership> {
  const membership = membershipOf(self, { ...(key && { key }) })
  await membership.enter(bytesOf(fleet), owner.id)
  return membership
}

function bytesOf({ signed }: Membership): Uint8Array {
  if (!signed) throw new Error('it is in no fleet')
  return signed.bytes
}

/** Until neither has news for the other. */
async function meet(one: Membership, other: Membership): Promise<void> {
  while ((await one.adopt(bytesOf(other))) || (await other.adopt(bytesOf(one))));
}

const peersOf = ({ roster }: Membership): string[] => [...(roster?.members.keys() ?? [])].sort()
const sorted = (...signers: Signer[]): string[] => signers.map(({ id }) => id).sort()

t.test('it is kept over a restart, and gone after leaving', async t => {
  const store = new MemoryStore('vault')
  const fleet = membershipOf(desk, { key: owner, store })
  t.equal(fleet.roster, undefined)
  t.equal(fleet.isMember(peerIdFromString(desk.id)), false)
  await fleet.found('home', { name: 'desk' })
  await add(fleet, kitchen.id)
  const again = membershipOf(desk, { store })
  t.same(bytesOf(again), bytesOf(fleet))
  t.equal(again.isMember(peerIdFromString(kitchen.id)), true)
  t.equal(again.isOwner, false, 'the key is no part of it')
  await again.leave()
  t.equal(membershipOf(desk, { store }).roster, undefined)
})

t.test('who may edit', async t => {
  const fleet = await createFleet(attic)
  const member = await enter(kitchen, fleet)
  await t.rejects(add(member, attic.id), { code: 'NOT_OPERATOR' })
  await fleet.edit({ kind: 'delegate', peer: kitchen.id })
  t.equal(await member.adopt(bytesOf(fleet)), true)
  await member.edit({ kind: 'remove', peer: attic.id })
  await t.rejects(member.edit({ kind: 'remove', peer: desk.id }), { code: 'NOT_OWNER' })
  t.equal(await fleet.adopt(bytesOf(member)), true, 'an operator counts while the owner is away')
  t.same(peersOf(fleet), sorted(desk, kitchen))
  await t.rejects(membershipOf(attic).edit({ kind: 'remove', peer: desk.id }), { code: 'NO_FLEET' })
})

t.test('who is trusted with what', async t => {
  const [deskId, kitchenId, atticId] = [desk, kitchen, attic].map(({ id }) => peerIdFromString(id))
  if (!deskId || !kitchenId || !atticId) throw new Error('three ids are made')
  const trusted = (membership: Membership, peer: typeof deskId): string[] =>
    (['fleet', 'operator'] as const).filter(trust => membership.trusts(peer, trust))
  t.same(trusted(membershipOf(attic), deskId), [], 'nobody in no fleet')

  const fleet = await createFleet(attic)
  const here = await enter(attic, fleet)
  t.same(trusted(here, deskId), ['fleet', 'operator'], 'the board with the owner key')
  t.same(trusted(here, kitchenId), ['fleet'])
  t.same(trusted(here, peerIdFromString((await signerNumber(9)).id)), [])

  await fleet.edit({ kind: 'delegate', peer: kitchen.id })
  await meet(here, fleet)
  t.same(trusted(here, kitchenId), ['fleet', 'operator'])
  t.equal(here.isOperator(kitchenId), true)
  await fleet.edit({ kind: 'revoke', peer: kitchen.id })
  await meet(here, fleet)
  t.same(trusted(here, kitchenId), ['fleet'])

  await fleet.edit({ kind: 'remove', peer: attic.id })
  await meet(here, fleet)
  t.equal(here.isRemoved, true)
  t.equal(here.isOperator(deskId), false, 'a board that is out is run by nobody else')
})

t.test('two edits at once: both are made, whoever comes first', async t => {
  const fleet = await createFleet()
  await fleet.edit({ kind: 'delegate', peer: kitchen.id })
  const operator = await enter(kitchen, fleet)
  const fifth = signerNumber(5)
  await add(fleet, attic.id)
  await add(operator, (await fifth).id)
  t.equal(fleet.roster?.version, operator.roster?.version, 'they are as new as each other')
  await meet(fleet, operator)
  t.same(peersOf(fleet), sorted(desk, kitchen, attic, await fifth))
  t.same(bytesOf(fleet), bytesOf(operator))
})

t.test('two boards with the owner key edit at once', async t => {
  const fleet = await createFleet(attic)
  const second = await enter(kitchen, fleet, owner)
  await fleet.edit({ kind: 'delegate', peer: attic.id })
  await second.edit({ kind: 'delegate', peer: kitchen.id })
  t.equal(fleet.roster?.charter.term, second.roster?.charter.term)
  await meet(fleet, second)
  t.same([...(fleet.roster?.charter.operators ?? [])].sort(), sorted(desk, kitchen, attic))
  t.same(bytesOf(fleet), bytesOf(second))
})

t.test('one removes, the other one adds at once: removed it is', async t => {
  const fleet = await createFleet(attic)
  await fleet.edit({ kind: 'delegate', peer: kitchen.id })
  const operator = await enter(kitchen, fleet)
  await fleet.edit({ kind: 'remove', peer: attic.id })
  await operator.edit({ kind: 'add', peer: attic.id, name: 'renamed', joinedMs: 1 })
  await meet(operator, fleet)
  t.same(peersOf(fleet), sorted(desk, kitchen))
  t.same(peersOf(operator), sorted(desk, kitchen))
})

t.test('the owner ends an operator, whatever it signs', async t => {
  const fleet = await createFleet(attic)
  await fleet.edit({ kind: 'delegate', peer: kitchen.id })
  const operator = await enter(kitchen, fleet)
  const before = bytesOf(fleet)
  await fleet.edit({ kind: 'remove', peer: kitchen.id })
  for (let round = 0; round < 5; round++)
    await operator.edit({ kind: 'add', peer: attic.id, name: `${round}`, joinedMs: 1 })
  t.ok((operator.roster?.version ?? 0) > (fleet.roster?.version ?? 0))
  t.equal(await fleet.adopt(bytesOf(operator)), false)
  t.equal(await fleet.adopt(before), false, 'nor does an old roster come back')
  const member = await enter(attic, fleet)
  t.equal(await member.adopt(bytesOf(operator)), false)
  t.equal(await operator.adopt(bytesOf(fleet)), true)
  t.equal(operator.canEdit, false)
})

t.test('an operator that makes counts up locks the owner out of nothing', async t => {
  const store = new MemoryStore('vault')
  const fleet = membershipOf(desk, { key: owner, store })
  await fleet.found('home', { name: 'desk' })
  for (const { id } of [kitchen, attic]) await add(fleet, id)
  await fleet.edit({ kind: 'delegate', peer: kitchen.id })
  const member = await enter(attic, fleet)
  const { roster, signed } = fleet
  if (!roster || !signed) throw new Error('it is in a fleet')
  const lie = {
    ...roster,
    version: Number.MAX_SAFE_INTEGER,
    edits: new Map([[desk.id, Number.MAX_SAFE_INTEGER]]),
  }
  const { bytes } = signRoster(lie, { self: kitchen, owner: undefined }, signed)
  t.equal(await fleet.adopt(bytes), true, 'it may sign')
  await member.adopt(bytes)
  await fleet.edit({ kind: 'revoke', peer: kitchen.id })
  t.equal(await member.adopt(bytesOf(fleet)), true, 'the others understand what the owner says')
  t.equal(member.roleOf(kitchen.id), 'member')
  t.same(peersOf(membershipOf(desk, { key: owner, store })), peersOf(fleet), 'and so does its own board')
})

t.test('edits that take each other back are made again in their order', async t => {
  const fifth = await signerNumber(5)
  const fleet = await createFleet(attic, fifth)
  const second = await enter(kitchen, fleet, owner)
  await fleet.edit({ kind: 'delegate', peer: attic.id })
  await fleet.edit({ kind: 'revoke', peer: attic.id })
  for (const kind of ['delegate', 'revoke', 'delegate'] as const) await second.edit({ kind, peer: fifth.id })
  await meet(fleet, second)
  t.same([fleet.roleOf(attic.id), fleet.roleOf(fifth.id)], ['member', 'operator'])

  await fleet.edit({ kind: 'remove', peer: attic.id })
  await add(fleet, attic.id)
  for (const kind of ['revoke', 'delegate'] as const) await second.edit({ kind, peer: fifth.id })
  await meet(fleet, second)
  t.equal(second.roleOf(attic.id), 'member', 'who was removed and added again is there')
})

t.test('who is named an operator again makes no edit of earlier again', async t => {
  const fleet = await createFleet(attic)
  await fleet.edit({ kind: 'delegate', peer: kitchen.id })
  const operator = await enter(kitchen, fleet)
  await operator.edit({ kind: 'remove', peer: attic.id })
  await meet(fleet, operator)
  await add(fleet, attic.id)
  for (const kind of ['revoke', 'delegate'] as const) {
    await fleet.edit({ kind, peer: kitchen.id })
    await meet(fleet, operator)
  }
  t.same(peersOf(operator), sorted(desk, kitchen, attic), 'whom it removed has been invited since')
  t.same(bytesOf(fleet), bytesOf(operator))
  await operator.edit({ kind: 'remove', peer: attic.id })
  await meet(fleet, operator)
  t.same(peersOf(fleet), sorted(desk, kitchen), 'and it may edit as before')
})

t.test('an operator that makes counts up gets nobody a delegation, and hides no revocation', async t => {
  const fifth = await signerNumber(5)
  const fleet = await createFleet(attic, fifth)
  for (const { id } of [attic, fifth]) await fleet.edit({ kind: 'delegate', peer: id })
  const second = await enter(kitchen, fleet, owner)
  const forge = ({ signed }: Membership, count: number): Uint8Array => {
    if (!signed) throw new Error('it is in a fleet')
    const { roster } = signed
    const lie = { ...roster, version: roster.version + 1, edits: new Map([[desk.id, count]]) }
    return signRoster(lie, { self: attic, owner: undefined }, signed).bytes
  }
  await second.edit({ kind: 'revoke', peer: fifth.id })
  t.equal(await fleet.adopt(forge(second, 0)), true)
  t.equal(fleet.roleOf(fifth.id), 'member', 'whom the other board with the key revoked')

  await meet(fleet, second)
  await fleet.edit({ kind: 'revoke', peer: attic.id })
  for (const kind of ['delegate', 'revoke'] as const) await second.edit({ kind, peer: fifth.id })
  t.equal(await fleet.adopt(forge(second, 1000)), true)
  t.equal(fleet.roleOf(attic.id), 'member', 'whom this board has revoked meanwhile')
})

t.test('a vault that is older than the fleet learns how many edits were made here', async t => {
  const fleet = await createFleet(attic)
  const { signed } = fleet
  const restored = membershipOf(desk, { key: owner })
  await restored.found('home', { name: 'desk' })
  await meet(restored, fleet)
  await restored.edit({ kind: 'remove', peer: attic.id })
  t.equal(restored.roster?.edits.get(desk.id), (signed?.roster.edits.get(desk.id) ?? 0) + 1)
})

t.test('a roster of another fleet, one without this node, no roster', async t => {
  const fleet = await createFleet()
  const member = await enter(kitchen, fleet)
  const other = membershipOf(attic, { key: attic })
  await other.found('other', { name: 'attic' })
  await t.rejects(member.adopt(bytesOf(other)), { code: 'FLEET_OTHER' })
  await t.rejects(membershipOf(attic).enter(bytesOf(fleet), owner.id), { code: 'ROSTER_INVALID' })
  await t.rejects(membershipOf(kitchen).enter(bytesOf(fleet), attic.id), { code: 'FLEET_OTHER' })
  await t.rejects(member.enter(bytesOf(fleet), owner.id), { code: 'FLEET_ALREADY' })
  await t.rejects(member.adopt(Buffer.from('nonsense')), { code: 'ROSTER_INVALID' })
  const store = new MemoryStore('vault')
  const bucket = store.bucket('fleet')
  await store.write(batch => batch.put(bucket, Buffer.from('fleet'), Buffer.from('nonsense')))
  t.throws(() => membershipOf(desk, { store }), { code: 'FLEET_UNREADABLE' })
})

t.test('an invite is for one, once, and the answer can be asked for again', async t => {
  const fleet = await createFleet()
  const invite = {
    id: attic.id,
    createdMs: 1_700_000_000_000,
    expiresMs: 1_700_000_000_000 + HOUR_MS,
    name: 'loft',
  }
  await fleet.addInvite(invite)
  const { roster } = await fleet.welcome(invite.id, attic.id, 'attic')
  t.equal(roster.members.get(attic.id)?.name, 'loft', 'the name in the invite wins')
  const { version } = roster
  t.equal((await fleet.welcome(invite.id, attic.id, 'attic')).roster.version, version)
  const late = signerNumber(5)
  await t.rejects(fleet.welcome(invite.id, (await late).id, 'x'), { code: 'INVITE_REFUSED' })
  await fleet.edit({ kind: 'remove', peer: attic.id })
  await t.rejects(
    fleet.welcome(invite.id, attic.id, 'attic'),
    { code: 'INVITE_REFUSED' },
    'removed stays removed',
  )
  await t.rejects(
    fleet.welcome(kitchen.id, attic.id, 'attic'),
    { code: 'INVITE_REFUSED' },
    'one that never was',
  )
})

t.test('invites expire, also over a restart; a board without a clock gives them all their time', async t => {
  const clock = { wallMs: 1_700_000_000_000, nowMs: 0 }
  const store = new MemoryStore('vault')
  const fleet = membershipOf(desk, { key: owner, store, clock })
  await fleet.found('home', { name: 'desk' })
  await fleet.addInvite({
    id: attic.id,
    createdMs: clock.wallMs,
    expiresMs: clock.wallMs + HOUR_MS,
    name: '',
  })
  clock.wallMs += 10 * HOUR_MS
  t.equal(fleet.invites.length, 1, 'the clock was set, no time has passed')
  clock.nowMs += HOUR_MS
  t.equal(fleet.invites.length, 0)
  const restarted = (wallMs: number): number =>
    membershipOf(desk, { store, clock: { wallMs, nowMs: 5 } }).invites.length
  t.equal(restarted(1_700_000_000_000 + HOUR_MS), 0)
  t.equal(restarted(1_700_000_000_000 + HOUR_MS / 2), 1)
  t.equal(restarted(0), 1, 'in 1970')
})

t.test('an invite ends with what let its maker invite, for good', async t => {
  const invite = { createdMs: 1_700_000_000_000, expiresMs: 1_700_000_000_000 + HOUR_MS, name: '' }
  const [own, far, fifth] = [await signerNumber(100), await signerNumber(101), await signerNumber(5)]
  const store = new MemoryStore('vault')
  const fleet = membershipOf(desk, { key: owner, store })
  await fleet.found('home', { name: 'desk' })
  for (const { id } of [kitchen, attic]) await add(fleet, id)
  await t.rejects(fleet.addInvite({ ...invite, id: far.id, maker: kitchen.id }), { code: 'NOT_OPERATOR' })
  await fleet.edit({ kind: 'delegate', peer: kitchen.id })
  await fleet.addInvite({ ...invite, id: own.id })
  await fleet.addInvite({ ...invite, id: far.id, maker: kitchen.id })
  const idsOf = ({ invites }: Membership): string[] => invites.map(({ id }) => id)
  t.same(idsOf(membershipOf(desk, { key: owner, store })), [own.id, far.id], 'over a restart, too')

  const operator = await enter(kitchen, fleet)
  await operator.addInvite({ ...invite, id: far.id })
  await fleet.edit({ kind: 'revoke', peer: kitchen.id })
  t.same(idsOf(fleet), [own.id], 'what the operator had made elsewhere')
  await t.rejects(fleet.welcome(far.id, fifth.id, 'x'), { code: 'INVITE_REFUSED' })
  await meet(operator, fleet)
  t.same(idsOf(operator), [], 'and on its own board')
  await t.rejects(operator.welcome(far.id, fifth.id, 'x'), { code: 'NOT_OPERATOR' })

  await fleet.edit({ kind: 'delegate', peer: kitchen.id })
  await meet(operator, fleet)
  for (const board of [fleet, operator]) {
    await t.rejects(board.welcome(far.id, fifth.id, 'x'), { code: 'INVITE_REFUSED' }, 'named anew')
  }
  await fleet.welcome(own.id, fifth.id, 'x')
  t.ok(fleet.roster?.members.has(fifth.id), "the owner's own stands")
})

t.test('invites are bounded, and can be cancelled', async t => {
  const fleet = await createFleet()

  const invite = { createdMs: 1_700_000_000_000, expiresMs: 1_700_000_000_000 + HOUR_MS, name: '' }
  for (let at = 0; at < MAX_INVITES; at++)
    await fleet.addInvite({ ...invite, id: (await signerNumber(100 + at)).id })
  await t.rejects(fleet.addInvite({ ...invite, id: attic.id }), { code: 'INVITES_FULL' })
  await fleet.welcome((await signerNumber(100)).id, attic.id, 'attic')
  t.equal(await fleet.cancelInvites(), MAX_INVITES - 1)
  t.equal(fleet.invites.length, 0)
})
