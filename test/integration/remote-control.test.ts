import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { multiaddr } from '@multiformats/multiaddr'
import t, { type Test } from 'tap'
import { createClient } from '../../core/cli/client.ts'
import { CONTROL } from '../../core/control/remote-protocol.ts'
import type { MadeInvite } from '../../core/fleet/fleet.ts'
import type { FleetMember } from '../../core/fleet/fleet-status.ts'
import { loadIdentity } from '../../core/network/identity.ts'
import type { ProtocolRow } from '../../core/network/protocols.ts'
import type { NodeStatus } from '../../core/state/node-state.ts'
import { eventually } from '../helpers/eventually.ts'
import { QUIET } from '../helpers/quiet-node.ts'
import { type Outcome, SkepProcess } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'
import { describeTree, hashFile } from '../helpers/tree.ts'
import { startNode } from '../unit/network/nodes.ts'

const FILE_BYTES = 5 * 1024 * 1024

async function start(t: Test): Promise<SkepProcess> {
  const node = await SkepProcess.start(await temporaryDirectory(t), QUIET)
  t.teardown(() => node.end())
  return node
}

const membersAt = async (node: SkepProcess): Promise<FleetMember[]> => {
  const { stdout } = await node.run(['fleet', 'members', '--json'])
  return stdout
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line))
}

/** Resolves once `node` has heard that `name` is one. */
const heard = (node: SkepProcess, name: string, role: string): Promise<true> =>
  eventually(`${name} to be a known ${role}`, async () =>
    (await membersAt(node)).some(member => member.name === name && member.role === role) ? true : undefined,
  )

const errorOf = ({ stderr }: Outcome): string => JSON.parse(stderr).error.code

const tunnelsAt = async (node: SkepProcess): Promise<number | undefined> => {
  const { details } = await node.json<NodeStatus>(['status'])
  return (details.protocols as readonly ProtocolRow[]).find(({ id }) => id === CONTROL.id)?.openStreams
}

interface Following {
  readonly child: ChildProcess
  readonly ended: Promise<Outcome>
}

/** `skep events` of `board`, run on `node`; resolves once it follows. */
async function follow(node: SkepProcess, board: string): Promise<Following> {
  const started = Promise.withResolvers<ChildProcess>()
  const ended = node.run(['events', '--json', '--node', board], { onStart: started.resolve })
  const child = await started.promise
  if (!child.stdout) throw new Error('it has no pipe')
  const follows = once(createInterface({ input: child.stdout }), 'line')
  // Until it has a line: what happened before it followed is none of its.
  await eventually('a line of it', async () => {
    await node.run(['add', '-', '--node', board], { input: randomBytes(8) })
    return Promise.race([follows, Promise.resolve(undefined)])
  })
  return { child, ended }
}

t.test('a fleet is run from the boards of its owner and its operators', async t => {
  const [desk, kitchen, attic, stranger] = [await start(t), await start(t), await start(t), await start(t)]
  await desk.json(['fleet', 'create', 'home', '--board', 'desk'])
  for (const [name, node] of Object.entries({ kitchen, attic })) {
    const { invite } = await desk.json<MadeInvite>(['fleet', 'invite'])
    await node.json(['fleet', 'join', invite, '--name', name])
  }
  await desk.json(['fleet', 'delegate', 'kitchen'])
  await heard(kitchen, 'kitchen', 'operator')
  await heard(attic, 'kitchen', 'operator')
  await eventually('kitchen and attic to be introduced', async () =>
    (await membersAt(kitchen)).some(({ name, isConnected }) => name === 'attic' && isConnected)
      ? true
      : undefined,
  )
  const there = join(await temporaryDirectory(t), 'there')
  await mkdir(there)

  await t.test('by name, by peer id, by the end of one, by SKEP_NODE', async t => {
    const { peerId } = attic.ready
    const expected = await attic.json<NodeStatus>(['status'])
    for (const board of ['attic', peerId, peerId.slice(-8)]) {
      const { peerId: told, dataDirectory } = await desk.json<NodeStatus>(['status', '--node', board])
      t.same({ told, dataDirectory }, { told: peerId, dataDirectory: expected.dataDirectory })
    }
    const byEnv = await desk.run(['status', '--json'], { env: { SKEP_NODE: 'attic' } })
    t.equal(JSON.parse(byEnv.stdout).peerId, peerId)
    t.match((await kitchen.run(['status', '--node', 'attic'])).stdout, peerId, 'an operator, too')
    t.match((await kitchen.run(['status', '--node', 'desk'])).stdout, desk.ready.peerId)
    t.match((await kitchen.run(['status', '--node', 'kitchen'])).stdout, kitchen.ready.peerId, 'itself')
  })

  await t.test('content goes both ways, and is kept there', async t => {
    const file = join(there, 'file')
    await writeFile(file, randomBytes(FILE_BYTES))
    const { cid, size } = await kitchen.json<{ cid: string; size: number }>(['add', file, '--node', 'attic'])
    t.equal(size, FILE_BYTES)
    t.match((await attic.run(['pin', 'ls'])).stdout, cid)
    t.equal((await kitchen.run(['pin', 'ls'])).stdout, '', 'and not here')
    const got = join(there, 'got')
    t.equal((await desk.run(['get', cid, '-o', got, '--node', 'attic'])).code, 0)
    t.equal(await hashFile(got), await hashFile(file))
    const part = await desk.run(['cat', cid, '--length', '10', '--node', 'attic'])
    t.equal(part.code, 0)

    const tree = join(there, 'tree')
    await mkdir(join(tree, 'sub'), { recursive: true })
    await writeFile(join(tree, 'sub', 'a'), randomBytes(FILE_BYTES / 10))
    await writeFile(join(tree, 'b'), 'hello')
    const added = await kitchen.json<{ cid: string }>(['add', tree, '--node', 'attic'])
    t.equal((await attic.run(['cat', `${added.cid}/b`])).stdout, 'hello')
    await kitchen.run(['get', added.cid, '-o', join(there, 'copy'), '--node', 'attic'])
    t.same(await describeTree(join(there, 'copy')), await describeTree(tree))

    t.equal((await kitchen.run(['pin', 'rm', cid, '--node', 'attic'])).code, 0)
    t.notMatch((await attic.run(['pin', 'ls'])).stdout, cid)
    t.equal((await desk.run(['pin', 'add', cid, '--node', 'attic'])).code, 0)
  })

  await t.test('mistakes are told as they are here', async t => {
    const codes = async (args: string[]): Promise<[number | null, string]> => {
      const outcome = await desk.run([...args, '--node', 'attic', '--json'])
      return [outcome.code, errorOf(outcome)]
    }
    t.same(await codes(['ls', 'nonsense']), [1, 'CID_INVALID'])
    t.same(await codes(['fleet', 'invite']), [1, 'NOT_OPERATOR'])
    t.same(await codes(['get']), [2, 'USAGE'])
    t.same(await codes(['fleet', 'backup-key']), [2, 'USAGE'])
    t.equal(errorOf(await desk.run(['status', '--json', '--node', 'cellar'])), 'MEMBER_UNKNOWN')
  })

  await t.test('secrets and the owner key stay where they are', async t => {
    const client = createClient(join(kitchen.directory, 'skep.sock'), 'desk')
    const ask = (path: string, body: object) => client.operate({ method: 'POST', path, body })
    await t.rejects(ask('fleet/key/backup', {}), { code: 'LOCAL_ONLY' })
    const file = { path: '/etc/hostname', dev: '1', ino: '1', size: 1, mtime: '1' }
    await t.rejects(ask('content/file', { file }), { code: 'LOCAL_ONLY' })
    const named = await kitchen.run(['fleet', 'delegate', 'attic', '--node', 'desk', '--json'])
    t.equal(errorOf(named), 'NOT_OWNER')
    t.ok(desk.log.some(line => /refused to an operator from afar/.test(line) && /key\/backup/.test(line)))
    t.ok(
      desk.log.some(line => /an operator acts from afar/.test(line) && line.includes(kitchen.ready.peerId)),
    )
  })

  await t.test('a member that is no operator, and a stranger, are refused', async t => {
    const tried = await attic.run(['status', '--node', 'desk', '--json'])
    t.same([tried.code, errorOf(tried)], [1, 'NOT_OPERATOR'])
    t.equal(errorOf(await stranger.run(['status', '--node', 'desk', '--json'])), 'NO_FLEET')

    // As if they had changed their own program.
    for (const node of [attic, stranger]) {
      await node.end()
      const forger = await startNode(t, { privateKey: await loadIdentity(node.directory) })
      t.equal(forger.port.self.toString(), node.ready.peerId)
      await forger.port.dial(desk.ready.addresses.map(address => multiaddr(address)))
      const { peerId } = desk.ready
      const connection = forger.port.connections().find(({ remotePeer }) => remotePeer.toString() === peerId)
      if (!connection) throw new Error('it is connected')
      const channel = await forger.port.open(connection.remotePeer, CONTROL)
      await t.rejects(channel.read(), { code: 'STREAM_CLOSED' })
      await forger.network.stop()
    }
    t.ok(
      desk.log.some(
        line => line.includes(attic.ready.peerId) && /refused a stream: it is for operators/.test(line),
      ),
      'and the log says who tried',
    )
  })

  await t.test('a command that follows ends by Ctrl-C, with its operator, and with its board', async t => {
    const first = await follow(desk, 'kitchen')
    t.equal(await tunnelsAt(kitchen), 1)
    first.child.kill('SIGINT')
    t.match(await first.ended, { code: 0, stderr: '' })
    await eventually('the end of its tunnel', async () =>
      (await tunnelsAt(kitchen)) === 0 ? true : undefined,
    )

    const second = await follow(kitchen, 'desk')
    await kitchen.json(['fleet', 'invite', '--node', 'desk'])
    t.match(await desk.json(['fleet', 'status']), { fleet: { openInvites: 1 } })
    await desk.json(['fleet', 'delegate', 'kitchen', '--revoke'])
    t.match(await desk.json(['fleet', 'status']), { fleet: { openInvites: 0 } }, 'its invites end with it')
    const revoked = await second.ended
    t.same([revoked.code, errorOf(revoked)], [1, 'BOARD_GONE'])
    await heard(kitchen, 'kitchen', 'member')
    t.equal(errorOf(await kitchen.run(['status', '--node', 'desk', '--json'])), 'NOT_OPERATOR')

    const third = await follow(desk, 'kitchen')
    t.equal((await desk.run(['stop', '--node', 'kitchen'])).code, 0)
    const stopped = await third.ended
    t.same([stopped.code, errorOf(stopped)], [1, 'NODE_STOPPING'])
    t.equal(await eventually('the end of the board', async () => kitchen.ended), 0, 'it has ended by itself')
    t.equal(errorOf(await desk.run(['status', '--node', 'kitchen', '--json'])), 'DIAL_FAILED')
  })

  await desk.end()
  const outcome = await desk.run(['status', '--node', 'kitchen', '--json'])
  t.same([outcome.code, errorOf(outcome)], [3, 'NODE_NOT_RUNNING'], 'which is the one here')
})
