import { identify } from '@libp2p/identify'
import { mplex } from '@libp2p/mplex'
import { ping } from '@libp2p/ping'
import { multiaddr } from '@multiformats/multiaddr'
import type { ServiceFactoryMap } from 'libp2p'
import t from 'tap'
import { eventually } from '../../helpers/eventually.ts'
import { startRelay } from '../../helpers/relay.ts'
import { nextEvent, portOf, startNode, startStockNode } from './nodes.ts'

const SECOND_MS = 1000

t.test('a peer that goes silent is suspect, then cut; one that answers again is not', async t => {
  let skewMs = 0
  const nowMs = (): number => performance.now() + skewMs
  const alice = await startNode(t, { probeAfterMs: 100, surroundings: { nowMs } })
  const bob = await startNode(t)
  const relay = await startRelay(t, { to: portOf(bob) })
  const peer = bob.port.self
  await alice.port.dial(multiaddr(`/ip4/127.0.0.1/tcp/${relay.port}/p2p/${peer}`))
  const liveness = (): string | undefined => alice.peers.get(peer)?.liveness
  await eventually('a first round trip', () => alice.peers.get(peer)?.latencyMs !== undefined || undefined)
  const askedAgain = () =>
    eventually('a question', () => alice.peers.pulseOf(peer)?.askedMs !== undefined || undefined)

  relay.hold('down')
  await askedAgain()
  t.equal(liveness(), 'connected', 'a moment of silence is nothing')
  const suspected = nextEvent(alice.events, 'peer:liveness')
  skewMs += 8 * SECOND_MS
  t.match(await suspected, { liveness: 'suspect' })
  t.equal(liveness(), 'suspect')
  t.equal(alice.port.connections(peer).length, 1, 'its connection is still there')

  const answered = nextEvent(alice.events, 'peer:liveness')
  relay.release('down')
  t.match(await answered, { liveness: 'connected' })

  relay.hold('down')
  await askedAgain()
  const cut = nextEvent(alice.events, 'peer:disconnected')
  // Faster than real, and never so much at once that the node takes it for a pause of its own.
  const hurry = setInterval(() => {
    skewMs += 70
  }, 100)
  t.teardown(() => clearInterval(hurry))
  await cut
  t.equal(liveness(), 'suspect', 'it may be back, but it ended in silence')
  const metrics = await alice.metrics.text()
  t.match(metrics, /skep_network_probes_total\{result="gone"\} 1\n/)
})

t.test('a node that stood still itself cuts nobody', async t => {
  let skewMs = 0
  const alice = await startNode(t, {
    probeAfterMs: 100,
    surroundings: { nowMs: () => performance.now() + skewMs },
  })
  const bob = await startNode(t)
  await alice.port.dial(bob.port.addresses())
  const heard = (): number => alice.peers.pulseOf(bob.port.self)?.heardMs ?? 0
  for (let jump = 0; jump < 5; jump++) {
    const before = heard()
    skewMs += 3600 * SECOND_MS
    await eventually('an answer', () => heard() > before || undefined)
  }
  t.equal(alice.port.connections(bob.port.self).length, 1)
})

t.test('a question and its answer are small', async t => {
  const alice = await startNode(t, { probeAfterMs: 100 })
  const bob = await startNode(t)
  const relay = await startRelay(t, { to: portOf(bob) })
  await alice.port.dial(multiaddr(`/ip4/127.0.0.1/tcp/${relay.port}/p2p/${bob.port.self}`))
  const asked = async (): Promise<number> =>
    Number(/probes_total\{result="asked"\} (\d+)/.exec(await alice.metrics.text())?.[1] ?? 0)
  await eventually('identify to be over', async () => ((await asked()) >= 2 ? true : undefined))
  const bytes = (): number => relay.seen('up').length + relay.seen('down').length
  const [questions, before] = [await asked(), bytes()]
  await eventually('more questions', async () => ((await asked()) >= questions + 4 ? true : undefined))
  const each = (bytes() - before) / ((await asked()) - questions)
  t.ok(each > 0 && each < 120, `${each} bytes`)
})

t.test(
  'where the muxer has no ping a stream asks, and a peer that has none either is heard all the same',
  async t => {
    const alice = await startNode(t, { probeAfterMs: 100 })
    const speaking: ServiceFactoryMap[] = [{ identify: identify(), ping: ping() }, { identify: identify() }]
    for (const services of speaking) {
      const stock = await startStockNode(t, { streamMuxers: [mplex()], services })
      const peer = stock.peerId
      await alice.port.dial(stock.getMultiaddrs())
      t.equal(alice.port.connections(peer)[0]?.multiplexer, '/mplex/6.7.0')
      const heard = (): number => alice.peers.pulseOf(peer)?.heardMs ?? 0
      for (let time = 0; time < 3; time++) {
        const before = heard()
        await eventually('it to be heard', () => heard() > before || undefined)
      }
      t.match(alice.peers.get(peer), { liveness: 'connected' })
    }
  },
)
