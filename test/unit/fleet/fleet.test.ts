import { createConnection } from 'node:net'
import { noise } from '@chainsafe/libp2p-noise'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { tls } from '@libp2p/tls'
import t, { type Test } from 'tap'
import { MemoryStore } from '../../../core/storage/memory-store.ts'
import { eventually } from '../../helpers/eventually.ts'
import { portOf, startStockNode } from '../network/nodes.ts'
import { type FleetTestNode, type FleetTestOptions, invite, startFleetNode } from './fleet-node.ts'

/** The first has the owner key; the others joined by it. */
async function createFleet(t: Test, size: number, options: FleetTestOptions = {}): Promise<FleetTestNode[]> {
  const owner = await startFleetNode(t, options)
  await owner.fleet.create('home', 'desk')
  const nodes = [owner]
  while (nodes.length < size) {
    const node = await startFleetNode(t, options)
    await node.join(await invite(owner))
    nodes.push(node)
  }
  await Promise.all(nodes.map(node => node.knows(...nodes)))
  return nodes
}

t.test('members meet, strangers do not', async t => {
  const [desk, kitchen, attic] = (await createFleet(t, 3)) as [FleetTestNode, FleetTestNode, FleetTestNode]
  await desk.hasOnly(kitchen, attic)
  await attic.connect(kitchen)
  const stranger = await startFleetNode(t, { mode: 'open' })
  // The dialer may see a connection for a moment: its own half of the handshake ends first.
  await stranger.connect(desk).catch(() => {})
  await stranger.hasOnly()
  await t.rejects(desk.connect(stranger), { code: 'DIAL_FAILED' })
  await desk.hasOnly(kitchen, attic)
  t.equal(desk.fleet.isMember(stranger.port.self), false)
  t.equal(stranger.fleet.isMember(desk.port.self), undefined, 'who is in no fleet cannot say')
})

t.test('a stranger of another make learns nothing, by TLS or Noise, dialing or dialed', async t => {
  const [desk] = (await createFleet(t, 1)) as [FleetTestNode]
  await invite(desk)
  for (const encrypter of [tls(), noise()]) {
    const stranger = await startStockNode(t, { connectionEncrypters: [encrypter] })
    const identified: unknown[] = []
    stranger.addEventListener('peer:identify', ({ detail }) => identified.push(detail))
    const connection = await stranger.dial(desk.port.addresses()).catch(() => undefined)
    await t.rejects(
      Promise.resolve(connection?.newStream(['/ipfs/id/1.0.0']) ?? Promise.reject(new Error('none'))),
    )
    await eventually('its end', () => stranger.getConnections().length === 0 || undefined)
    const known = await stranger.peerStore.get(desk.port.self).catch(() => undefined)
    t.same(known?.protocols ?? [], [])
    t.same(identified, [])
    await t.rejects(desk.port.dial(stranger.getMultiaddrs()), { code: 'DIAL_FAILED' })
    t.same(stranger.getConnections(), [])
  }
  t.same(desk.port.connections(), [])
})

t.test('a removed member is out everywhere as soon as members have met', async t => {
  const [desk, kitchen, attic] = (await createFleet(t, 3)) as [FleetTestNode, FleetTestNode, FleetTestNode]
  await attic.connect(kitchen)
  // The attic doesn't hear of it at once.
  await desk.port.hangUp(attic.port.self)
  await attic.hasOnly(kitchen)
  await desk.fleet.remove(kitchen.id)
  await desk.hasOnly()
  await attic.connect(desk)
  await attic.hasOnly(desk)
  await attic.knows(desk, attic)
  await kitchen.connect(attic).catch(() => {})
  await kitchen.hasOnly()
  await kitchen.knows(desk, kitchen, attic)
})

t.test('a removed member of an open fleet may come back, as a stranger', async t => {
  const [desk, kitchen] = (await createFleet(t, 2, { mode: 'open' })) as [FleetTestNode, FleetTestNode]
  await desk.fleet.remove(kitchen.id)
  await desk.hasOnly()
  await kitchen.connect(desk)
  await desk.hasOnly(kitchen)
  t.equal(desk.fleet.isMember(kitchen.port.self), false)
})

t.test('a removed board hears of it when it meets a member, and may join anew', async t => {
  const [desk, kitchen, attic] = (await createFleet(t, 3, { mode: 'open' })) as [
    FleetTestNode,
    FleetTestNode,
    FleetTestNode,
  ]
  const reasons: (string | undefined)[] = []
  kitchen.events.on('fleet:changed', ({ reason }) => void reasons.push(reason))
  await desk.fleet.remove(kitchen.id)
  await kitchen.hasOnly()
  t.match(kitchen.fleet.members(), { length: 3 }, 'nobody has told yet')
  await attic.knows(desk, attic)
  await kitchen.connect(attic)
  await kitchen.knows(desk, attic)
  t.match(reasons, [/^removed from fleet 'home'/])
  t.match(kitchen.fleet.status(), { fleet: { name: 'home', role: 'removed' } })
  t.same(kitchen.fleet.members(), [])
  t.equal(kitchen.fleet.isMember(desk.port.self), undefined, 'it is in no fleet')
  await t.rejects(kitchen.fleet.remove('desk'), { code: 'NO_FLEET', message: /removed from fleet 'home'/ })
  await kitchen.join(await invite(desk))
  t.match(kitchen.fleet.status(), { fleet: { role: 'member' } })
  await Promise.all([desk, attic, kitchen].map(node => node.knows(desk, kitchen, attic)))
})

t.test('a removed board may join another fleet', async t => {
  const [desk, kitchen] = (await createFleet(t, 2, { mode: 'open' })) as [FleetTestNode, FleetTestNode]
  await desk.fleet.remove(kitchen.id)
  await kitchen.connect(desk)
  await kitchen.knows(desk)
  await kitchen.fleet.create('mine')
  t.match(kitchen.fleet.status(), { fleet: { name: 'mine', role: 'operator' } })
})

t.test('two boards of one name are told apart', async t => {
  const [desk] = (await createFleet(t, 1, { mode: 'open' })) as [FleetTestNode]
  const name = 'ü'.repeat(32)
  for (const expected of [name, `${'ü'.repeat(31)}-2`, `${'ü'.repeat(31)}-3`]) {
    const board = await startFleetNode(t, { mode: 'open' })
    await board.fleet.join(await invite(desk), { name, signal: AbortSignal.timeout(20_000) })
    t.equal(board.fleet.members().find(({ isSelf }) => isSelf)?.name, expected)
  }
})

t.test('in an open fleet a new member is made known by itself', async t => {
  const [desk, kitchen] = (await createFleet(t, 2, { mode: 'open' })) as [FleetTestNode, FleetTestNode]
  await desk.port.hangUp(kitchen.port.self)
  const attic = await startFleetNode(t, { mode: 'open' })
  await attic.join(await invite(desk))
  await desk.stop()
  await attic.connect(kitchen)
  await kitchen.knows(desk, kitchen, attic)
})

t.test('the owner is offline: members go on, and an operator lets others in', async t => {
  const [desk, kitchen, attic] = (await createFleet(t, 3)) as [FleetTestNode, FleetTestNode, FleetTestNode]
  await t.rejects(kitchen.fleet.invite({ expiresInMs: 1000 }), { code: 'NOT_OPERATOR' })
  await desk.fleet.delegate(kitchen.id)
  await eventually('the delegation', () => kitchen.fleet.status().fleet?.role === 'operator' || undefined)
  await attic.connect(kitchen)
  await desk.stop()
  const shed = await startFleetNode(t)
  await shed.join(await invite(kitchen))
  await attic.knows(desk, kitchen, attic, shed)
  await shed.connect(attic)
  await attic.hasOnly(kitchen, shed)
  await t.rejects(kitchen.fleet.delegate(attic.id), { code: 'NOT_OWNER' })
})

t.test('the owner key is lost: a backup makes any member the owner', async t => {
  const [desk, kitchen, attic] = (await createFleet(t, 3)) as [FleetTestNode, FleetTestNode, FleetTestNode]
  const backup = await desk.fleet.backupKey()
  await attic.connect(kitchen)
  await desk.stop()
  await t.rejects(attic.fleet.backupKey(), { code: 'NOT_OWNER' })
  await t.rejects(attic.fleet.restoreKey(backup.slice(0, -3)), { code: 'OWNER_KEY_INVALID' })
  const alone = await startFleetNode(t)
  await t.rejects(alone.fleet.restoreKey(backup), { code: 'NO_FLEET' })
  await alone.fleet.create('another')
  await t.rejects(alone.fleet.restoreKey(backup), { code: 'FLEET_OTHER' })

  t.match(await attic.fleet.restoreKey(`${backup}\n`), { fleet: { role: 'operator', hasOwnerKey: true } })
  await attic.fleet.remove(desk.id)
  await kitchen.knows(kitchen, attic)
  await attic.fleet.delegate(kitchen.id)
  await eventually('the delegation', () => kitchen.fleet.status().fleet?.role === 'operator' || undefined)
  t.equal(await attic.fleet.backupKey(), backup)
})

t.test("what the owner's board kept is lost, but for its keys: members bring the rest back", async t => {
  const privateKey = await generateKeyPair('Ed25519')
  const desk = await startFleetNode(t, { privateKey })
  await desk.fleet.create('home')
  const kitchen = await startFleetNode(t)
  await kitchen.join(await invite(desk))
  await kitchen.knows(desk, kitchen)
  const { directory } = desk
  await desk.stop()
  const again = await startFleetNode(t, { privateKey, directory, store: new MemoryStore('vault') })
  t.equal(again.fleet.status().fleet, undefined)
  await again.fleet.create('home')
  await kitchen.connect(again).catch(() => {})
  await again.hasOnly()
  // It doesn't know the kitchen, but an operator of the term before does: it is asked to join anew.
  await kitchen.fleet.leave({ deleteKey: false })
  await kitchen.join(await invite(again))
  await kitchen.knows(again, kitchen)
})

t.test('two owners edit at once: both edits are made as soon as they meet', async t => {
  const [desk, kitchen, attic] = (await createFleet(t, 3)) as [FleetTestNode, FleetTestNode, FleetTestNode]
  await kitchen.fleet.restoreKey(await desk.fleet.backupKey())
  await eventually('two owners', () => desk.membership.roster?.charter.operators.length === 2 || undefined)
  await desk.port.hangUp(kitchen.port.self)
  await desk.port.hangUp(attic.port.self)
  const [cellar, shed] = [await startFleetNode(t), await startFleetNode(t)]
  await cellar.join(await invite(desk))
  await shed.join(await invite(kitchen))
  await desk.connect(kitchen)
  const all = [desk, kitchen, attic, cellar, shed] as const
  await Promise.all([desk, kitchen, cellar, shed].map(node => node.knows(...all)))
  await attic.connect(desk)
  await attic.knows(...all)
  t.same(desk.membership.signed?.bytes, attic.membership.signed?.bytes)
})

t.test('a board is replaced by one with a new identity', async t => {
  const [desk, kitchen, attic] = (await createFleet(t, 3)) as [FleetTestNode, FleetTestNode, FleetTestNode]
  await kitchen.stop()
  const { invite: text } = await desk.fleet.invite({ expiresInMs: 60_000, name: 'kitchen 2' })
  const replacement = await startFleetNode(t)
  await replacement.join(text)
  await desk.fleet.remove(kitchen.id)
  await attic.knows(desk, attic, replacement)
  t.same(
    desk.fleet
      .members()
      .map(({ name }) => name)
      .includes('kitchen 2'),
    true,
  )
})

t.test('a board leaves: operators take it off', async t => {
  const [desk, kitchen, attic] = (await createFleet(t, 3)) as [FleetTestNode, FleetTestNode, FleetTestNode]
  t.same(await kitchen.fleet.leave({ deleteKey: false }), { name: 'home', told: 1, others: 2 })
  await attic.knows(desk, attic)
  t.same(kitchen.fleet.status(), { mode: 'closed' })
  await kitchen.hasOnly()
  await t.rejects(desk.fleet.leave({ deleteKey: false }), { code: 'OWNER_KEY_HERE' })
  await desk.fleet.remove(attic.id)
  t.same(await desk.fleet.leave({ deleteKey: true }), { name: 'home', told: 0, others: 0 })
  await t.rejects(desk.fleet.backupKey(), { code: 'NOT_OWNER' })
  await desk.fleet.create('new')
})

t.test('names of members', async t => {
  const [desk, kitchen] = (await createFleet(t, 2)) as [FleetTestNode, FleetTestNode]
  await t.rejects(desk.fleet.remove('nobody'), { code: 'MEMBER_UNKNOWN' })
  await t.rejects(desk.fleet.remove('12D3KooW'), {
    code: 'MEMBER_UNKNOWN',
    message: `'12D3KooW' may be any of 2 members: ${[...(desk.membership.roster?.members.keys() ?? [])].join(', ')}`,
  })
  await t.rejects(desk.fleet.remove('desk'), { code: 'MEMBER_KEPT' })
  await t.rejects(desk.fleet.revoke('desk'), { code: 'MEMBER_KEPT' })
  const impostor = await startFleetNode(t)
  await impostor.fleet.join(await invite(desk), {
    name: kitchen.id.slice(-6),
    signal: AbortSignal.timeout(10_000),
  })
  await t.rejects(
    desk.fleet.delegate(kitchen.id.slice(-6)),
    { code: 'MEMBER_UNKNOWN', message: /any of 2 members/ },
    'a name that is a part of the peer id of another',
  )
  t.equal((await desk.fleet.remove(impostor.id)).peer, impostor.id)
  t.equal((await desk.fleet.remove(kitchen.id.slice(-8))).peer, kitchen.id)
  await t.rejects(desk.fleet.create('second'), { code: 'FLEET_ALREADY' })
  await t.rejects(kitchen.fleet.invite({ expiresInMs: 1000, name: 'a\nb' }), { code: 'FLEET_NAME_INVALID' })
  const long = { expiresInMs: 1000, name: '0'.repeat(80) }
  await t.rejects(desk.fleet.invite(long), {
    code: 'FLEET_NAME_INVALID',
    message: /it has 80 bytes, and a name at most 64/,
  })
})

t.test(
  'strangers hold no slot of a closed node: what says nothing is cut within the handshake limit',
  { timeout: 60_000 },
  async t => {
    const [desk, kitchen] = (await createFleet(t, 2)) as [FleetTestNode, FleetTestNode]
    await desk.port.hangUp(kitchen.port.self)
    // With an invite open connections are looked into before libp2p has them: that has a limit, too.
    await invite(desk)
    const startedMs = performance.now()
    const silent = Array.from({ length: 6 }, () => createConnection(portOf(desk), '127.0.0.1'))
    const ends = silent.map(
      socket =>
        new Promise<number>(resolve => {
          socket.on('error', () => {}).resume()
          socket.once('close', () => resolve(performance.now() - startedMs))
        }),
    )
    await kitchen.connect(desk)
    const stock = await startStockNode(t)
    const connection = await stock.dial(desk.port.addresses()).catch(() => undefined)
    if (connection) await eventually('its end', () => connection.status !== 'open' || undefined)
    const lasted = await Promise.all(ends)
    t.ok(Math.max(...lasted) < 15_000, `they lasted ${Math.round(Math.max(...lasted))} ms`)
    await desk.hasOnly(kitchen)
  },
)

t.test('in a private network nobody joins by invite; who has joined before is a member there', async t => {
  const [privateKey, store, swarmKey] = [
    await generateKeyPair('Ed25519'),
    new MemoryStore('vault'),
    Buffer.alloc(32, 7),
  ]
  const { fleet } = await startFleetNode(t, { swarmKey })
  await fleet.create('elsewhere')
  await t.rejects(fleet.invite({ expiresInMs: 1000 }), { code: 'SWARM_PRIVATE' })

  const desk = await startFleetNode(t, { privateKey, store })
  await desk.fleet.create('home')
  const { directory } = desk
  const text = await invite(desk)
  const outside = await startFleetNode(t, { swarmKey })
  await t.rejects(outside.join(text), { code: 'SWARM_PRIVATE', fix: /before|while none/ })
  const member = { privateKey: await generateKeyPair('Ed25519'), store: new MemoryStore('vault') }
  const kitchen = await startFleetNode(t, member)
  await kitchen.join(text)
  await kitchen.knows(desk, kitchen)
  await Promise.all([desk.stop(), kitchen.stop()])

  const [one, other] = [
    await startFleetNode(t, { privateKey, store, directory, swarmKey }),
    await startFleetNode(t, { ...member, swarmKey }),
  ]
  await other.connect(one)
  await one.hasOnly(other)
})
