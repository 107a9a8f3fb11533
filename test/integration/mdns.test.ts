import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { createNamespace, namespacesMissing } from '../helpers/namespace.ts'
import type { MdnsEvent } from './mdns-node.ts'

const NODE = fileURLToPath(new URL('mdns-node.ts', import.meta.url))

/** Holds the mDNS port for itself, as some programs do. */
const HOLD_PORT = `
  const socket = require('node:dgram').createSocket('udp4')
  socket.bind(5353, () => console.log('{"event":"held"}'))
  process.stdin.resume().on('end', () => socket.close())
`

class Program {
  readonly #child: ChildProcess
  readonly #events: MdnsEvent[] = []
  readonly #exited: Promise<unknown>
  #more = Promise.withResolvers<void>()

  constructor(namespace: string, args: readonly string[]) {
    this.#child = spawn('ip', ['netns', 'exec', namespace, process.execPath, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#exited = once(this.#child, 'exit')
    if (!this.#child.stdout) throw new Error('the program has no output')
    createInterface({ input: this.#child.stdout }).on('line', line => {
      this.#events.push(JSON.parse(line))
      this.#more.resolve()
      this.#more = Promise.withResolvers()
    })
  }

  /** The next event that `isWanted`, among those told so far too. */
  async event<E extends MdnsEvent['event']>(
    name: E,
    isWanted: (event: Extract<MdnsEvent, { event: E }>) => boolean = () => true,
  ): Promise<Extract<MdnsEvent, { event: E }>> {
    for (;;) {
      const event = this.#events.find(
        (one): one is Extract<MdnsEvent, { event: E }> =>
          one.event === name && isWanted(one as Extract<MdnsEvent, { event: E }>),
      )
      if (event) return event
      await Promise.race([
        this.#more.promise,
        this.#exited.then(() => Promise.reject(new Error(`it ended before it told of ${name}`))),
      ])
    }
  }

  async any(): Promise<void> {
    if (this.#events.length === 0) await this.#more.promise
  }

  async end(): Promise<number | null> {
    this.#child.stdin?.end()
    await this.#exited
    return this.#child.exitCode
  }
}

t.test('mDNS in a network namespace', { skip: await namespacesMissing() }, async t => {
  await using namespace = await createNamespace()
  const start = (...args: string[]): Program => new Program(namespace.name, [NODE, ...args])

  await t.test('two nodes that know nothing of each other connect', async t => {
    const [one, other] = [start(), start()]
    const [first, second] = await Promise.all([one.event('started'), other.event('started')])
    const [found, foundToo] = await Promise.all([one.event('connected'), other.event('connected')])
    t.same(found.peers, [second.peer])
    t.same(foundToo.peers, [first.peer])
    t.ok([...found.sources, ...foundToo.sources].includes('mdns'), 'at least one of them found the other')
    const { health } = await one.event('health', ({ metrics }) => metrics.endsWith(' 1'))
    t.same(health, { status: 'ok' }, 'its own queries come back to it')
    t.same(await Promise.all([one.end(), other.end()]), [0, 0])
  })

  await t.test('where mDNS does not work, health says why and a bootstrap peer is found', async t => {
    const holder = new Program(namespace.name, ['--eval', HOLD_PORT])
    await holder.any()
    const far = start()
    const { peer, addresses } = await far.event('started')
    const near = start(...addresses)
    const { peers, sources } = await near.event('connected')
    t.same(peers, [peer])
    t.same(sources, ['bootstrap'])
    const { health, metrics } = await near.event('health', one => one.health.status !== 'ok')
    t.match(health, { status: 'degraded', reason: /^mDNS finds no neighbours: .*EADDRINUSE/ })
    t.match(metrics, 'skep_discovery_mdns_working 0')
    t.same(await Promise.all([near.end(), far.end(), holder.end()]), [0, 0, 0])
  })
})
