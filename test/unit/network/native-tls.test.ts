import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import t, { type Test } from 'tap'
import { nextEvent, protocolOf, startNode, type TestNode, text } from './nodes.ts'

const protocol = protocolOf()
const MEGABYTE = 1024 * 1024

/** Sends back each message, and a mebibyte behind it. */
function echo(node: TestNode): Promise<void> {
  return node.port.handle(protocol, async channel => {
    for (;;) {
      const message = await channel.read()
      if (!message) return
      await channel.write(message, new Uint8Array(MEGABYTE).fill(message[0] ?? 0))
    }
  })
}

async function talk(t: Test, from: TestNode, to: TestNode): Promise<void> {
  const channel = await from.port.open(to.port.self, protocol)
  for (const word of ['one', 'two', 'three']) await channel.write(Buffer.from(word))
  for (const word of ['one', 'two', 'three']) {
    t.equal(text(await channel.read()), word)
    const payload = await channel.readPayload(MEGABYTE)
    t.ok(payload.every(byte => byte === word.charCodeAt(0)))
  }
  await channel.close()
  t.equal(await channel.read(), undefined)
}

for (const first of ['aes', 'chacha20'] as const) {
  t.test(`two nodes talk both ways over native TLS, ${first} first`, async t => {
    const [alice, bob] = [await startNode(t, { firstCipher: first }), await startNode(t)]
    await Promise.all([echo(alice), echo(bob)])
    await alice.port.dial(bob.port.addresses())
    t.match(alice.port.connections(), [{ encryption: '/tls/1.0.0', multiplexer: '/yamux/1.0.0' }])
    await talk(t, alice, bob)
    await talk(t, bob, alice)
    t.equal(alice.port.connections().length, 1, 'over one connection')
  })
}

t.test('many dials at once, each with data on it right away', async t => {
  const bob = await startNode(t)
  await echo(bob)
  const nodes = await Promise.all(Array.from({ length: 8 }, () => startNode(t)))
  await Promise.all(
    nodes.map(async node => {
      await node.port.dial(bob.port.addresses())
      await talk(t, node, bob)
    }),
  )
  t.equal(bob.network.connections().inbound, 8)
})

t.test('two nodes whose clocks are 30 days apart connect, either way', async t => {
  for (const days of [-30, 30]) {
    const child = fork(join(import.meta.dirname, 'skewed-node.ts'), [String(days)], {
      execArgv: ['--import', join(import.meta.dirname, 'skew-clock.ts')],
      env: { ...process.env, SKEW_DAYS: String(days) },
    })
    t.teardown(() => child.kill())
    const [{ address, nowMs }] = await once(child, 'message')
    const apart = Math.round((nowMs - Date.now()) / 86_400_000)
    t.equal(apart, days, `the other node is ${days} days away`)
    const node = await startNode(t)
    await node.port.dial(multiaddr(address))
    t.match(node.port.connections(), [{ encryption: '/tls/1.0.0', direction: 'outbound' }])

    const dialer = await startNode(t)
    const met = nextEvent(dialer.events, 'peer:connected')
    child.send(dialer.port.addresses().map(String))
    await met
    t.match(dialer.port.connections(), [{ encryption: '/tls/1.0.0', direction: 'inbound' }])
  }
})
