import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { PeerDetails } from '../../../core/control/routes/peers.ts'
import type { Change } from '../../../core/state/change-feed.ts'
import type { PeerSummary } from '../../../core/state/peer-state.ts'
import { eventually } from '../../helpers/eventually.ts'
import { SkepProcess } from '../../helpers/skep-process.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

/** A node that meets nobody by itself, and soon asks who is silent. */
const ALONE = [
  ['network.listen', '/ip4/127.0.0.1/tcp/0'],
  ['network.probeAfterMs', '500ms'],
  ['plugins.discovery.mdns.enabled', 'false'],
  ['plugins.discovery.dial.targetPeers', '0'],
  ['plugins.discovery.dial.targetMembers', '0'],
  ['plugins.monitoring.port', '0'],
].flatMap(([key, value]) => ['--set', `${key}=${value}`])

async function start(t: Test, directory: string, name: string): Promise<SkepProcess> {
  const node = await SkepProcess.start(join(directory, name), ALONE)
  t.teardown(() => node.end('SIGKILL'))
  return node
}

async function pair(t: Test): Promise<readonly [one: SkepProcess, two: SkepProcess, directory: string]> {
  const directory = await temporaryDirectory(t)
  const [one, two] = await Promise.all([start(t, directory, 'one'), start(t, directory, 'two')])
  await one.json(['peers', 'connect', two.ready.addresses[0] ?? ''])
  return [one, two, directory]
}

t.test('peers are listed and shown, tagged, and known after a kill', async t => {
  const [one, two, directory] = await pair(t)
  const { peerId } = two.ready
  t.match(await one.json(['peers', 'ls']), { peer: peerId, liveness: 'connected', foundBy: 'manual' })
  t.match(await two.json(['peers']), { peer: one.ready.peerId, foundBy: 'inbound', direction: 'inbound' })
  t.match(
    (await one.run(['peers'])).stdout,
    new RegExp(`^${peerId} +connected +manual +out +\\d+\\.\\d ms`, 'm'),
  )

  const end = peerId.slice(-6)
  const tagged = await one.run(['peers', 'tag', end, 'back up', '--value', '80'])
  t.match(tagged, { code: 0, stdout: `${peerId}: back up (80)\n` })
  t.match(await one.json(['peers', 'show', end]), {
    peer: peerId,
    tags: { 'back up': 80 },
    worth: { total: Number, reasons: { 'user/back up': 80 } },
    connections: [{ direction: 'outbound', isRelayed: false, address: two.ready.addresses[0] }],
  })
  const human = (await one.run(['peers', 'show', peerId])).stdout
  for (const line of [
    /^peer id +12D3/m,
    /^found by +manual$/m,
    /^ +80: user\/back up$/m,
    /^tag +back up \(80\)$/m,
  ]) {
    t.match(human, line)
  }
  t.match(human, /^agent +skep\//m)
  t.match(human, /^protocol +\/ipfs\/ping/m)

  await one.end('SIGKILL')
  const again = await start(t, directory, 'one')
  t.match(
    await again.json<PeerDetails>(['peers', 'show', peerId]),
    { tags: { 'back up': 80 }, worth: { reasons: { 'user/back up': 80 } } },
    'what a user said survives',
  )
  t.match(await again.run(['peers', 'untag', peerId, 'nothing']), { code: 0, stdout: /no such tag/ })
  t.match(await again.run(['peers', 'untag', peerId]), { code: 0, stdout: `${peerId}: no tags\n` })
  const untagged = await again.json<PeerDetails>(['peers', 'show', peerId])
  t.same([untagged.tags, untagged.worth.reasons], [{}, {}])
})

t.test('a peer that was met is known after a stop; forgotten, it is not', async t => {
  const [one, two, directory] = await pair(t)
  const { peerId } = two.ready
  await eventually('identify', async () =>
    (await one.status()).peers.some(({ protocols }) => protocols.length > 0) ? true : undefined,
  )
  await one.end()
  const again = await start(t, directory, 'one')
  t.match(await again.json(['peers']), { peer: peerId, liveness: 'suspect', foundBy: 'manual' })
  t.match((await again.run(['peers', 'show', peerId])).stdout, /^last seen +\d+s ago$/m)
  t.match(await again.json(['connect', peerId.slice(0, -1)]), { peer: peerId }, 'by a part of its id')

  t.match(await again.run(['peers', 'disconnect', peerId]), {
    code: 0,
    stdout: `disconnected from ${peerId}\n`,
  })
  t.match(await again.run(['peers', 'disconnect', peerId]), {
    code: 0,
    stdout: `${peerId} was not connected\n`,
  })
  t.match(await again.run(['peers', 'forget', peerId]), { code: 0, stdout: `forgot ${peerId}\n` })
  t.match(await again.run(['peers']), { stdout: 'no peers yet\n' })
  t.match(await again.run(['peers', 'forget', peerId]), { code: 1, stderr: /knows nothing of 12D3/ })
  await again.end()
  const third = await start(t, directory, 'one')
  t.match(await third.run(['peers']), { stdout: 'no peers yet\n' })
})

t.test('who is blocked is hung up on, and kept out until it is let in', async t => {
  const [one, two] = await pair(t)
  const { peerId } = two.ready
  const end = peerId.slice(-8)
  t.match(await one.run(['peers', 'block', end, '--for', '1h', '--reason', 'noisy']), {
    code: 0,
    stdout: new RegExp(`^${peerId} is blocked for (59m 59s|1h)`),
  })
  await eventually('the connection to end', async () =>
    (await one.status()).peers.every(({ direction }) => direction === undefined) ? true : undefined,
  )
  t.match(await one.json(['peers', 'blocks']), { target: peerId, kind: 'peer', reason: 'noisy' })
  t.match(
    (await one.run(['peers', 'blocks'])).stdout,
    new RegExp(`^${peerId} +(59m \\d+s|1h) +a command +noisy`, 'm'),
  )
  t.match(await one.json(['peers', 'show', peerId]), { blockedBy: { target: peerId } })
  // The handshake is over for the one that calls before it is over for the one that refuses.
  await two.run(['peers', 'connect', one.ready.addresses[0] ?? ''])
  t.match(await one.json(['peers', 'show', peerId]), { connections: [] })
  t.match(await one.run(['peers', 'unblock', end]), { code: 0, stdout: `${peerId} may connect again\n` })
  t.match(await one.run(['peers', 'unblock', end]), { code: 0, stdout: `${peerId} was not blocked\n` })
  t.match(await one.run(['peers', 'blocks']), { stdout: 'nobody is blocked\n' })
  t.match(await two.json(['peers', 'connect', one.ready.addresses[0] ?? '']), { peer: one.ready.peerId })
  t.match(await one.json(['peers', 'block', '192.0.2.77/24']), { target: '192.0.2.0/24', kind: 'network' })
})

t.test('an address that was not dialed is not taken for one of the peer that was asked for', async t => {
  const [one, two] = await pair(t)
  const { peerId } = two.ready
  const elsewhere = '/ip4/127.0.0.1/tcp/9'
  t.match(await one.run(['peers', 'connect', `${elsewhere}/p2p/${peerId}`]), {
    code: 0,
    stdout: `already connected to ${peerId} at ${two.ready.addresses[0]}`,
  })
  t.notMatch((await one.json<PeerSummary>(['peers'])).addresses, [elsewhere])
})

t.test('a peer whose process stands still is suspect, then gone', async t => {
  const [one, two] = await pair(t)
  const liveness = async () => (await one.status()).peers[0]?.liveness
  process.kill(two.pid, 'SIGSTOP')
  t.teardown(() => process.kill(two.pid, 'SIGCONT'))
  await eventually('suspicion', async () => ((await liveness()) === 'suspect' ? true : undefined))
  t.match(await one.json(['peers']), { direction: 'outbound' }, 'the connection is still there')
  process.kill(two.pid, 'SIGCONT')
  await eventually('it to be well', async () => ((await liveness()) === 'connected' ? true : undefined))
})

t.test('what a command can not do it says, with what to do', async t => {
  const [one] = await pair(t)
  for (const [args, code, error] of [
    [
      ['peers', 'show', 'nobody'],
      1,
      /^error: no known peer's id begins or ends with 'nobody'; expected .+\nfix: /,
    ],
    [['peers', 'tag', '12D3', 'x', '--value', '101'], 2, /from 1 to 100/],
    [['peers', 'tag', '12D3', 'x'.repeat(65)], 1, /1 to 64 printable characters/],
    [['peers', 'block', 'nonsense'], 1, /^error: 'nonsense' can't be blocked; expected .+\nfix: /],
    [['peers', 'unblock', 'nonsense'], 1, /^error: 'nonsense' can't be unblocked; expected .+\nfix: /],
    [['peers', 'block', '192.0.2.1', '--for', 'ever'], 2, /duration such as/],
    [['peers', 'show'], 2, /peer/],
    [['peers', 'nonsense'], 2, /unknown command 'nonsense'/],
    [['peers', 'tag', one.ready.peerId, 'me'], 1, /is this node itself/],
    [['peers', 'block', one.ready.peerId], 1, /is this node itself.*\nfix: Name another peer/],
    [['peers', 'show', one.ready.peerId], 1, /is this node itself.*\nfix: Name another peer/],
    [['peers', 'connect', one.ready.peerId], 1, /is this node itself.*\nfix: Name another peer/],
    [['peers', 'connect', one.ready.addresses[0] ?? ''], 1, /is this node itself.*\nfix: Name another peer/],
    [['peers', 'connect', 'nonsense'], 1, /nonsense is no address.*\nfix: Give an address/],
    [
      ['peers', 'connect', '/ip4/127.0.0.1/tcp/1/p2p/v'],
      1,
      /127.0.0.1.*is no address.*\nfix: Give an address/,
    ],
    [['events', '--since', '99999'], 1, /since is '99999', but the newest event of this run is \d+\nfix: /],
    [['events', '--since', 'yesterday'], 2, /number of an event/],
  ] as const) {
    t.match(await one.run(args), { code, stderr: error }, args.join(' '))
  }
})

/** Follows the events of `node`; resolves once the first is there. */
async function follow(node: SkepProcess, args: readonly string[] = []) {
  const opened = Promise.withResolvers<ChildProcess>()
  const outcome = node.run(['events', ...args], {
    onStart: child => child.stdout?.once('data', () => opened.resolve(child)),
  })
  return { child: await opened.promise, outcome }
}

t.test('events are followed until the node stops', async t => {
  const directory = await temporaryDirectory(t)
  const [one, two] = await Promise.all([start(t, directory, 'one'), start(t, directory, 'two')])
  const following = await follow(one, ['--since', '0', '--json'])
  const human = await follow(one)
  await one.json(['peers', 'connect', two.ready.addresses[0] ?? ''])
  const { sequence } = await one.json<{ sequence: number }>(['status'])
  await one.end()
  const { code, stdout, stderr } = await following.outcome
  const [opened, ...changes] = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Change)
  t.match(opened, { event: 'feed:opened', data: { missed: 0 } })
  t.same(
    changes.map(change => change.sequence),
    changes.map((_, at) => at + 1),
    'each once, in order',
  )
  t.match(
    changes.find(({ event }) => event === 'peer:connected'),
    { data: { peer: two.ready.peerId }, timeMs: Number },
  )
  t.ok(changes.some(({ event, data }) => event === 'node:phase' && 'phase' in data && data.phase === 'ready'))
  t.ok(changes.length >= sequence, 'the status tells the last one')
  t.match({ code, stderr }, { code: 1, stderr: /NODE_STOPPING/ })
  t.match(
    (await human.outcome).stdout,
    new RegExp(`^\\d+  20\\S+Z  peer:connected  peer=${two.ready.peerId}$`, 'm'),
  )
})

t.test('whoever follows leaves by an interrupt', async t => {
  const node = await start(t, await temporaryDirectory(t), 'node')
  const { child, outcome } = await follow(node)
  child.kill('SIGINT')
  t.match(await outcome, { code: 0, stderr: '' })
})
