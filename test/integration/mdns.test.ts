import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import type { PeerId } from '@libp2p/interface'
import t from 'tap'
import { createBridge } from '../helpers/bridge.ts'
import { MeshProcess } from '../helpers/mesh-process.ts'
import { createNamespace, namespacesMissing } from '../helpers/namespace.ts'
import { createPeerId } from '../unit/discovery/fixture.ts'
import type { MeshFleet, MeshState } from './mesh-node.ts'

const run = promisify(execFile)

const NEIGHBOURLY = { config: { mdns: { enabled: true, intervalMs: 1000 } } }
const EVERYWHERE = { ...NEIGHBOURLY, listen: ['/ip4/0.0.0.0/tcp/0'] }

/** Holds the mDNS port for itself, as some programs do. */
const HOLD_PORT = `
  const socket = require('node:dgram').createSocket('udp4')
  socket.bind(5353, () => console.log('held'))
  process.stdin.resume().on('end', () => socket.close())
`

t.test('mDNS in a network namespace', { skip: await namespacesMissing() }, async t => {
  await using namespace = await createNamespace()

  await t.test('two nodes that know nothing of each other connect', async t => {
    const nodes = [1, 2].map(() => new MeshProcess(namespace.name, NEIGHBOURLY))
    const [first, second] = await Promise.all(nodes.map(node => node.started))
    const [one, other] = await Promise.all(
      nodes.map(node => node.reaches('company', ({ peers }) => Object.values(peers).includes('mdns'))),
    )
    t.same(one?.peers, { [String(second?.peer)]: 'mdns' })
    t.same(other?.peers, { [String(first?.peer)]: 'mdns' }, 'whoever called first, both are members')
    const { health } = await (nodes[0] as MeshProcess).reaches('mDNS', ({ mdnsWorking }) => mdnsWorking === 1)
    t.same(health, { status: 'ok' }, 'its own queries come back to it')
    t.same(await Promise.all(nodes.map(node => node.end())), [0, 0])
  })

  await t.test('one question an interval does for all', async t => {
    const nodes = [1, 2, 3].map(() => new MeshProcess(namespace.name, NEIGHBOURLY))
    const rounds = 8
    await Promise.all(nodes.map(node => node.reaches('answers', ({ mdnsAnswers }) => mdnsAnswers >= rounds)))
    const asked = nodes.reduce((sum, { state }) => sum + (state?.mdnsQueries ?? 0), 0)
    t.ok(asked <= 2 * rounds, `${asked} questions of three nodes in at least ${rounds} intervals`)
    t.same(await Promise.all(nodes.map(node => node.end())), [0, 0, 0])
  })

  await t.test('where mDNS does not work, health says why and a bootstrap peer is found', async t => {
    const holder = spawn('ip', ['netns', 'exec', namespace.name, process.execPath, '--eval', HOLD_PORT])
    await once(holder.stdout, 'data')
    const far = new MeshProcess(namespace.name, NEIGHBOURLY)
    const { peer, addresses } = await far.started
    const near = new MeshProcess(namespace.name, {
      config: { ...NEIGHBOURLY.config, bootstrap: addresses },
    })
    const { peers } = await near.reaches('company', ({ peers }) => Object.keys(peers).length > 0)
    t.same(peers, { [peer]: 'bootstrap' })
    const { health, mdnsWorking } = await near.reaches('trouble', ({ health }) => health.status !== 'ok')
    t.match(health, { status: 'degraded', reason: /^mDNS finds no neighbours: .*EADDRINUSE/ })
    t.equal(mdnsWorking, 0)
    holder.stdin.end()
    t.same(await Promise.all([near.end(), far.end()]), [0, 0])
  })
})

t.test('fleets on one network', { skip: await namespacesMissing() }, async t => {
  await using namespace = await createNamespace()
  // Nobody shall be introduced: who meets whom is what mDNS alone brings about.
  const config = { ...NEIGHBOURLY.config, exchange: { enabled: false } }
  const start = (fleet?: MeshFleet) => new MeshProcess(namespace.name, { config, ...(fleet && { fleet }) })
  const label = 'abcdefghij'
  const closed = start({ label, isClosed: true })
  const leaver = start({ label, isClosed: true })
  const open = start({ label, isClosed: false })
  const stranger = start()
  const loner = start({ isClosed: true })
  const other = start({ label: 'zyxwvutsrq', isClosed: true })
  const all = { closed, leaver, open, stranger, loner, other }
  const names = new Map<string, string>()
  await Promise.all(
    Object.entries(all).map(async ([name, node]) => names.set((await node.started).peer, name)),
  )
  const metBy = ({ peers }: MeshState): string =>
    Object.keys(peers)
      .map(peer => names.get(peer))
      .sort()
      .join()

  await t.test('a closed one is met by its members alone, an open one by everybody', async () => {
    await closed.reaches('its fleet', state => metBy(state) === 'leaver,open')
    await open.reaches('everybody who may', state => metBy(state) === 'closed,leaver,stranger')
    await stranger.reaches('the open member', state => metBy(state) === 'open')
  })

  await t.test('a node changes its fleet while it runs', async t => {
    leaver.enter({ isClosed: false })
    await stranger.reaches('who left', state => metBy(state) === 'leaver,open')
    t.equal(loner.state?.mdnsQueries, 0, 'who admits nobody asks for nobody')
    loner.enter({ label, isClosed: true })
    await loner.reaches('its fleet', state => metBy(state) === 'closed,open')
    await closed.reaches('who joined', state => metBy(state).includes('loner'))
  })

  t.equal(metBy(stranger.state as MeshState), 'leaver,open', 'and nobody else, all the while')
  t.equal(metBy(other.state as MeshState), '')
  t.same(await Promise.all(Object.values(all).map(node => node.end())), [0, 0, 0, 0, 0, 0])
})

t.test('a board on two networks finds neighbours on both', { skip: await namespacesMissing() }, async t => {
  await using bridge = await createBridge(2)
  await using other = await createNamespace()
  const [board, wired] = bridge.hosts
  if (!board || !wired) throw new Error('two hosts')
  // A second network, without any route to it but its own.
  await run('ip', [
    '-n',
    board.namespace,
    'link',
    'add',
    'second',
    'type',
    'veth',
    'peer',
    'name',
    'second',
    'netns',
    other.name,
  ])
  for (const [name, address] of [
    [board.namespace, '10.78.0.1/24'],
    [other.name, '10.78.0.2/24'],
  ] as const) {
    await run('ip', ['-n', name, 'address', 'add', address, 'dev', 'second'])
    await run('ip', ['-n', name, 'link', 'set', 'second', 'up'])
  }
  const nodes = [board.namespace, wired.namespace, other.name].map(name => new MeshProcess(name, EVERYWHERE))
  const [middle, ...ends] = nodes
  const [, ...peers] = await Promise.all(nodes.map(node => node.started))
  const state = await middle?.reaches('both', ({ peers }) => Object.keys(peers).length === 2)
  t.same(Object.keys(state?.peers ?? {}), peers.map(({ peer }) => peer).sort())
  await Promise.all(
    ends.map(node => node.reaches('the board', ({ peers }) => Object.values(peers).includes('mdns'))),
  )
  t.same(await Promise.all(nodes.map(node => node.end())), [0, 0, 0])
})

/** Answers as a neighbour would, from one of its addresses, and prints at which of its ports somebody knocks. */
const ANSWER = `
  const [board, ...answers] = process.argv.slice(1)
  for (const port of [9001, 9002]) require('node:net').createServer(socket => {
    console.log(port)
    socket.destroy()
  }).listen(port, '10.77.0.2')
  const tell = ([from, packet, ...rest]) => {
    if (!from) return
    const socket = require('node:dgram').createSocket('udp4')
    socket.bind(0, from, () => socket.send(Buffer.from(packet, 'base64'), 5353, board, () => {
      socket.close()
      tell(rest)
    }))
  }
  tell(answers)
  process.stdin.resume().on('end', () => process.exit())
`

/** A response with the records of a node that listens there. RFC 1035, section 4 */
function answerFor(peer: PeerId, port: number): Buffer {
  const label = (text: string): Buffer => Buffer.concat([Buffer.of(text.length), Buffer.from(text)])
  const tag = [...['_skep', '_udp', 'local'].map(label), Buffer.of(0)]
  const instance = [label('some'), ...tag]
  const record = (name: Buffer[], type: number, data: Buffer): Buffer =>
    Buffer.concat([...name, Buffer.of(0, type, 0, 1, 0, 0, 0, 120, data.length >> 8, data.length), data])
  return Buffer.concat([
    Buffer.of(0, 0, 0x84, 0, 0, 0, 0, 2, 0, 0, 0, 0),
    record(tag, 12, Buffer.concat(instance)),
    record(instance, 16, label(`dnsaddr=/ip4/10.77.0.2/tcp/${port}/p2p/${peer}`)),
  ])
}

t.test('who is not on the network is no neighbour', { skip: await namespacesMissing() }, async t => {
  await using bridge = await createBridge(2)
  const [board, wired] = bridge.hosts
  if (!board || !wired) throw new Error('two hosts')
  const far = '203.0.113.5'
  await run('ip', ['-n', wired.namespace, 'address', 'add', `${far}/32`, 'dev', 'lo'])
  await run('ip', ['-n', board.namespace, 'route', 'add', `${far}/32`, 'via', wired.address])
  const dial = { jitterMs: 0, perSecond: 1000 }
  const node = new MeshProcess(board.namespace, {
    config: { ...NEIGHBOURLY.config, dial },
    listen: ['/ip4/0.0.0.0/tcp/0'],
  })
  await node.reaches('mDNS', ({ mdnsWorking }) => mdnsWorking === 1)
  const answers: string[] = []
  for (const [from, port] of [
    [far, 9001],
    [far, 9001],
    [wired.address, 9002],
  ] as const) {
    answers.push(from, answerFor(await createPeerId(), port).toString('base64'))
  }
  const answering = spawn(
    'ip',
    [
      ...['netns', 'exec', wired.namespace, process.execPath, '--eval', ANSWER, '--'],
      ...[board.address, ...answers],
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const [first] = await once(answering.stdout, 'data')
  t.match(String(first), /^9002/, 'the last that was told of is the first to be dialed, and the only one')
  answering.stdin.end()
  t.equal(await node.end(), 0)
})
