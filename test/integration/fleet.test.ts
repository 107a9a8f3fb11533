import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { identify } from '@libp2p/identify'
import { multiaddr } from '@multiformats/multiaddr'
import t, { type Test } from 'tap'
import type { MadeInvite } from '../../core/fleet/fleet.ts'
import type { FleetMember, FleetStatus } from '../../core/fleet/fleet-status.ts'
import type { NodeStatus } from '../../core/state/node-state.ts'
import { eventually } from '../helpers/eventually.ts'
import { QUIET } from '../helpers/quiet-node.ts'
import { SkepProcess } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { startStockNode } from '../unit/network/nodes.ts'

const CLOSED = ['--set', 'fleet.mode=closed']

async function start(t: Test, args: readonly string[] = CLOSED, directory?: string): Promise<SkepProcess> {
  const node = await SkepProcess.start(directory ?? (await temporaryDirectory(t)), [...QUIET, ...args])
  t.teardown(() => node.end())
  return node
}

const membersOf = async (node: SkepProcess): Promise<FleetMember[]> => {
  const { stdout } = await node.run(['fleet', 'members', '--json'])
  return stdout
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line))
}

const connectedOf = async (node: SkepProcess): Promise<string[]> => {
  const { peers } = await node.status()
  return peers.filter(({ direction }) => direction !== undefined).map(({ peer }) => peer)
}

const goneFrom = (node: SkepProcess, other: SkepProcess): Promise<true> =>
  eventually(`the end of that connection`, async () =>
    (await connectedOf(node)).includes(other.ready.peerId) ? undefined : true,
  )

async function invite(node: SkepProcess): Promise<string> {
  return (await node.json<MadeInvite>(['fleet', 'invite'])).invite
}

t.test('a closed fleet: create, invite, join, content, strangers, remove', async t => {
  const [owner, kitchen, attic] = [await start(t), await start(t), await start(t)]
  const created = await owner.json<FleetStatus>(['fleet', 'create', 'home', '--board', 'desk'])
  t.match(created, {
    mode: 'closed',
    fleet: { name: 'home', role: 'operator', hasOwnerKey: true, members: 1 },
  })
  t.equal((await stat(join(owner.directory, 'fleet-owner.key'))).mode & 0o777, 0o600)

  const text = await invite(owner)
  const joined = await kitchen.json<FleetStatus>(['fleet', 'join', text, '--name', 'kitchen'])
  t.match(joined, {
    fleet: { name: 'home', id: created.fleet?.id, role: 'member', hasOwnerKey: false, members: 2 },
  })
  const again = await attic.run(['fleet', 'join', text, '--json'])
  t.equal(again.code, 1)
  t.match(JSON.parse(again.stderr), { error: { code: 'INVITE_REFUSED' } }, 'an invite is for one board')

  const second = await invite(owner)
  t.equal((await attic.run(['fleet', 'join', '-', '--name', 'attic'], { input: `${second}\n` })).code, 0)
  for (const node of [owner, kitchen, attic]) {
    await eventually('all three on the roster', async () => (await membersOf(node)).length === 3 || undefined)
  }
  t.strictSame(
    (await membersOf(kitchen)).map(({ name, role }) => [name, role]).sort(),
    [
      ['attic', 'member'],
      ['desk', 'operator'],
      ['kitchen', 'member'],
    ],
    'whoever was there before has heard of who came after',
  )

  const file = join(owner.directory, 'file')
  await writeFile(file, 'for members alone')
  const { cid } = await owner.json<{ cid: string }>(['add', file])
  t.equal((await kitchen.run(['cat', cid])).stdout, 'for members alone', 'content moves')
  await eventually('members to find each other through the one they both know', async () =>
    (await connectedOf(kitchen)).includes(attic.ready.peerId) ? true : undefined,
  )

  await t.test('a stranger learns nothing but that something answers', async t => {
    const stranger = await startStockNode(t, { services: { identify: identify() } })
    const learned: unknown[] = []
    stranger.addEventListener('peer:identify', ({ detail }) => learned.push(detail))
    const address = multiaddr(owner.ready.addresses[0] ?? '')
    await stranger
      .dial(address, { signal: AbortSignal.timeout(10_000) })
      // What was opened is reset: nothing of it can be used.
      .then(connection => connection.newStream(['/ipfs/id/1.0.0'], { signal: AbortSignal.timeout(10_000) }))
      .then(
        () => t.fail('a stranger has a stream'),
        error => t.ok(error, 'no stream comes about'),
      )
    await eventually(
      'no connection at the stranger',
      () => stranger.getConnections().length === 0 || undefined,
    )
    t.same(learned, [], 'no identify')
    for (const { protocols } of await stranger.peerStore.all()) t.same(protocols, [], 'no protocol list')
    t.notOk((await connectedOf(owner)).includes(stranger.peerId.toString()))
  })

  const removed = await owner.json<FleetMember>(['fleet', 'remove', 'kitchen'])
  t.equal(removed.peer, kitchen.ready.peerId)
  await goneFrom(owner, kitchen)
  await goneFrom(attic, kitchen)
  const knocking = await kitchen.run(['connect', attic.ready.addresses[0] ?? ''])
  await eventually(
    'the removed board alone',
    async () => (await connectedOf(kitchen)).length === 0 || undefined,
  )
  t.comment(knocking.stderr)
  t.equal((await membersOf(attic)).length, 2)
  t.equal((await kitchen.run(['fleet', 'join', text])).code, 1, 'what it knows opens nothing')
})

t.test('what an owner does later: delegate, back up, restore, leave', async t => {
  const OPEN: string[] = []
  const [owner, kitchen] = [await start(t, OPEN), await start(t, OPEN)]
  t.match((await owner.run(['fleet', 'members'])).stdout, 'the node is in no fleet')
  const none = await owner.run(['fleet', 'invite', '--json'])
  t.match([none.code, JSON.parse(none.stderr)], [1, { error: { code: 'NO_FLEET' } }])
  await owner.json(['fleet', 'create', 'home', '--board', 'desk'])
  t.equal((await kitchen.run(['fleet', 'join', await invite(owner), '--name', 'kitchen'])).code, 0)

  const key = join(await temporaryDirectory(t), 'home.key')
  t.strictSame(await owner.json(['fleet', 'backup-key', '-o', key]), { output: key })
  t.equal((await stat(key)).mode & 0o777, 0o600)
  t.match((await owner.run(['fleet', 'backup-key', '-o', key])).stderr, 'is there already')
  t.match((await kitchen.run(['fleet', 'backup-key'])).stderr, 'no owner key')

  t.match(await owner.json(['fleet', 'delegate', 'kitchen']), { name: 'kitchen', role: 'operator' })
  t.match(await owner.json(['fleet', 'delegate', 'kitchen', '--revoke']), { role: 'member' })
  t.match(await kitchen.json(['fleet', 'restore-key', key]), {
    fleet: { role: 'operator', hasOwnerKey: true },
  })
  t.match((await kitchen.run(['fleet'])).stdout, /this board +operator, with the owner key/)
  t.match(await owner.json(['fleet', 'invite', '--cancel-all']), { cancelled: 0 })

  t.match((await owner.run(['fleet', 'leave'])).stderr, 'backup-key')
  t.match(await owner.json(['fleet', 'leave', '--delete-key']), { name: 'home', told: 1 })
  await eventually(
    'the desk to be off the roster',
    async () => (await membersOf(kitchen)).length === 1 || undefined,
  )

  // It is in its fleet, and closed, after a restart, too.
  await kitchen.end()
  const again = await start(t, CLOSED, kitchen.directory)
  t.match(await again.json<FleetStatus>(['fleet', 'status']), {
    mode: 'closed',
    fleet: { name: 'home', hasOwnerKey: true, members: 1 },
  })
  t.match(await again.json<NodeStatus>(['status']), {
    phase: 'ready',
    details: { fleet: { mode: 'closed' } },
  })
})

t.test('a card with an invite', async t => {
  const owner = await start(t)
  await owner.json(['fleet', 'create', 'home'])
  const file = join(await temporaryDirectory(t), 'skep-invite.txt')
  await writeFile(file, `${await invite(owner)}\n`)
  const board = await start(t, [...CLOSED, '--set', `fleet.inviteFile=${file}`])
  await eventually('the board to join', async () => (await membersOf(board)).length === 2 || undefined)
  await eventually('the file to go', () =>
    stat(file).then(
      () => undefined,
      () => true,
    ),
  )
})

t.test('the owner is away, a board is replaced, and two owners edit at once', async t => {
  const [owner, kitchen, attic] = [await start(t), await start(t), await start(t)]
  await owner.json(['fleet', 'create', 'home', '--board', 'desk'])
  for (const [node, name] of [
    [kitchen, 'kitchen'],
    [attic, 'attic'],
  ] as const) {
    await node.json(['fleet', 'join', await invite(owner), '--name', name])
  }
  await owner.json(['fleet', 'delegate', 'kitchen'])
  const named = (node: SkepProcess, ...names: string[]): Promise<true> =>
    eventually(`${names} on the roster`, async () => {
      const found = (await membersOf(node)).map(({ name }) => name)
      return found.sort().join() === names.sort().join() || undefined
    })
  await eventually('the delegation', async () => {
    const { fleet } = await kitchen.json<FleetStatus>(['fleet', 'status'])
    return fleet?.role === 'operator' || undefined
  })

  const key = join(await temporaryDirectory(t), 'home.key')
  await owner.json(['fleet', 'backup-key', '-o', key])
  await owner.end()
  await attic.end()
  const replacement = await start(t)
  await replacement.json(['fleet', 'join', await invite(kitchen), '--name', 'attic 2'])
  await kitchen.json(['fleet', 'remove', 'attic'])
  await named(replacement, 'attic 2', 'desk', 'kitchen')

  // The owner comes back, and doesn't hear of it yet: meanwhile there is a second one, and both edit.
  await kitchen.json(['fleet', 'restore-key', key])
  await kitchen.json(['peers', 'block', owner.ready.peerId])
  await replacement.json(['peers', 'block', owner.ready.peerId])
  const again = await start(t, CLOSED, owner.directory)
  const [cellar, shed] = [await start(t), await start(t)]
  await cellar.json(['fleet', 'join', await invite(again), '--name', 'cellar'])
  await shed.json(['fleet', 'join', await invite(kitchen), '--name', 'shed'])
  await named(again, 'attic', 'cellar', 'desk', 'kitchen')
  await named(kitchen, 'attic 2', 'desk', 'kitchen', 'shed')

  await kitchen.json(['peers', 'unblock', owner.ready.peerId])
  await kitchen.json(['connect', again.ready.addresses[0] ?? ''])
  for (const node of [again, kitchen, cellar, shed]) {
    await named(node, 'attic 2', 'cellar', 'desk', 'kitchen', 'shed')
  }
})
