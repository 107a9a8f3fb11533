import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import t from 'tap'
import { MemoryStore } from '../../../core/storage/memory-store.ts'
import { createNode, portOf, startNode } from './nodes.ts'

t.test('a node that leaves its port open has the same one after a restart', async t => {
  const store = new MemoryStore('index')
  const first = await startNode(t, { store })
  const port = portOf(first)
  t.ok(port > 0)
  await first.network.stop()
  const again = await startNode(t, { store })
  t.equal(portOf(again), port)
  await again.network.stop()
  t.not(portOf(await startNode(t)), port, 'another node has another')
})

t.test('where somebody else has the port it takes another one, and keeps that', async t => {
  const store = new MemoryStore('index')
  const other = createServer()
  const first = await startNode(t, { store })
  const port = portOf(first)
  await first.network.stop()
  other.listen(port, '127.0.0.1')
  await once(other, 'listening')
  const second = await startNode(t, { store })
  const next = portOf(second)
  t.not(next, port)
  const dialer = await startNode(t)
  await dialer.port.dial(second.port.addresses())
  await second.network.stop()
  other.close()
  t.equal(portOf(await startNode(t, { store })), next)
})

t.test('a port that was chosen is taken, or nothing', async t => {
  const other = createServer().listen(0, '127.0.0.1')
  t.teardown(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const node = await createNode(t, { listen: [`/ip4/127.0.0.1/tcp/${port}`] })
  await t.rejects(node.network.start(), { code: 'LISTEN_FAILED' })
})

t.test('what is no port on disk costs no start', async t => {
  const store = new MemoryStore('index')
  const bucket = store.bucket('kept-ports')
  for (const text of ['', '0', '-1', '70000', '1.5', ' 80', 'NaN']) {
    await store.write(batch => batch.put(bucket, Buffer.from('/ip4/127.0.0.1/tcp/0'), Buffer.from(text)))
    const node = await startNode(t, { store })
    t.ok(portOf(node) > 0, text)
    await node.network.stop()
  }
})
