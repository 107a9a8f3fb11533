import { setImmediate as turn } from 'node:timers/promises'
import { pino } from 'pino'
import t from 'tap'
import type { PeerId, Storage } from '../../../../core/api.ts'
import { createMemoryStorage } from '../../../../core/storage/memory.ts'
import { Bandwidth } from '../../../../plugins/exchange/bandwidth/bandwidth.ts'
import type { BandwidthConfig } from '../../../../plugins/exchange/bandwidth/config.ts'
import { createVolumeStore } from '../../../../plugins/exchange/bandwidth/volume-store.ts'
import { startNode, type TestNode } from '../../network/nodes.ts'
import { openAt } from '../../storage/stores.ts'
import { bandwidth as settings } from '../fixture.ts'
import { FakeClock } from './fake-clock.ts'

const MB = 1e6

interface Subject {
  readonly bandwidth: Bandwidth
  readonly clock: FakeClock
  /** Messages at info and above, oldest first. */
  readonly lines: { level: number; msg: string }[]
  /** What the wall clock says. */
  time: string
}

/** Bandwidth of `node`, loaded from `storage`, in November. */
function start(node: TestNode, storage: Storage, config: Partial<BandwidthConfig>): Subject {
  const clock = new FakeClock()
  const lines: Subject['lines'] = []
  const subject: Subject = {
    clock,
    lines,
    time: '2026-11-22T12:00Z',
    bandwidth: new Bandwidth(settings(config).bandwidth, {
      ...clock,
      network: node.port,
      store: createVolumeStore(storage.index),
      log: pino({}, { write: line => lines.push(JSON.parse(line)) }),
      time: () => Date.parse(subject.time),
      interfaces: () => ({}),
      counted() {},
    }),
  }
  subject.bandwidth.load()
  return subject
}

t.test('the volume of the month survives a restart', async t => {
  const node = await startNode(t)
  const directory = t.testdir()
  const config = { monthlyBytes: 100 * MB }
  const storage = await openAt(t, directory)
  const before = start(node, storage, config)
  before.bandwidth.count('sent', 60 * MB)
  before.bandwidth.count('received', 30 * MB)
  await before.bandwidth.stop()
  await storage.close()

  const after = start(node, await openAt(t, directory), config)
  t.match(after.bandwidth.status().month, {
    from: '2026-11-01',
    until: '2026-12-01',
    sentBytes: 60 * MB,
    receivedBytes: 30 * MB,
    budgetBytes: 100 * MB,
    level: 'nearly-spent',
  })
  t.same(after.lines, [], 'what was told before is not told again')
})

t.test('what a kill costs is what came since the last minute', async t => {
  const node = await startNode(t)
  const directory = t.testdir()
  const storage = await openAt(t, directory)
  const before = start(node, storage, {})
  before.bandwidth.count('sent', 10)
  await before.bandwidth.tick()
  before.bandwidth.count('sent', 5)
  await storage.close()
  const after = start(node, await openAt(t, directory), {})
  t.equal(after.bandwidth.monthBytes, 10)
})

t.test('nothing is written while nothing changes', async t => {
  const node = await startNode(t)
  const storage = createMemoryStorage({ maxBytes: MB })
  let writes = 0
  const index = {
    bucket: (name: string) => storage.index.bucket(name),
    write: (change => {
      writes++
      return storage.index.write(change)
    }) as Storage['index']['write'],
  }
  const { bandwidth } = start(node, { ...storage, index }, {})
  await bandwidth.tick()
  t.equal(writes, 1, 'the month')
  await bandwidth.tick()
  t.equal(writes, 1)
  bandwidth.count('received', 1)
  await bandwidth.tick()
  t.equal(writes, 2)
})

t.test('each step is told once and has its effect; a new month begins anew', async t => {
  const node = await startNode(t)
  const subject = start(node, createMemoryStorage({ maxBytes: MB }), {
    monthlyBytes: 100 * MB,
    onNearlySpent: 'slow',
    onSpent: 'stop',
  })
  const { bandwidth, lines } = subject
  bandwidth.count('sent', 79 * MB)
  t.same([lines.length, bandwidth.status().uploadBytesPerSecond], [0, null])
  bandwidth.count('received', MB)
  bandwidth.count('received', MB)
  t.match(lines, [{ level: 40, msg: "80 % of the month's volume are used" }])
  t.match(bandwidth.status(), { uploadBytesPerSecond: 256_000, downloadBytesPerSecond: 256_000 })
  t.same([bandwidth.serves, bandwidth.fetches, bandwidth.health()], [true, true, undefined])
  bandwidth.count('sent', 19 * MB)
  bandwidth.count('sent', 1)
  t.match(lines[1], { level: 40, msg: "the month's volume is used up" })
  t.same([bandwidth.serves, bandwidth.fetches], [false, false])
  t.match(bandwidth.health(), {
    status: 'degraded',
    reason: /used up.*neither served nor asked until 2026-12-01/,
  })
  subject.time = '2026-12-01T00:00Z'
  await bandwidth.tick()
  t.match(lines[2], { level: 30, msg: 'a new month of volume has begun' })
  t.same([bandwidth.serves, bandwidth.fetches, bandwidth.health()], [true, true, undefined])
  t.match(bandwidth.status().month, { from: '2026-12-01', sentBytes: 0, receivedBytes: 0, level: 'normal' })
  t.equal(lines.length, 3)
})

t.test('an entry that cannot be read costs the month, not the start', async t => {
  const node = await startNode(t)
  const storage = createMemoryStorage({ maxBytes: MB })
  const bucket = storage.index.bucket('exchange/volume')
  for (const entry of ['{', 'null', '{"sentBytes":-1}', '{"sentBytes":"many"}']) {
    await storage.index.write(batch => batch.put(bucket, Buffer.from('month'), Buffer.from(entry)))
    const { bandwidth, lines } = start(node, storage, {})
    t.equal(bandwidth.monthBytes, 0)
    t.match(lines, [{ level: 40, msg: "the month's volume can't be read: it begins at 0" }])
  }
})

t.test('whom the local network exempts', async t => {
  const [node, neighbour] = [await startNode(t), await startNode(t)]
  await node.port.dial(neighbour.port.addresses())
  const peer: PeerId = neighbour.port.self
  const storage = createMemoryStorage({ maxBytes: MB })
  t.notOk(start(node, storage, { exemptLan: true }).bandwidth.meters(peer), 'a peer on loopback')
  t.ok(start(node, storage, { exemptLan: false }).bandwidth.meters(peer), 'unless told otherwise')
  const left = new Promise<void>(resolve => void node.events.on('peer:disconnected', () => resolve()))
  await node.port.hangUp(peer)
  await left
  await turn()
  t.ok(start(node, storage, { exemptLan: true }).bandwidth.meters(peer), 'and nobody whose way is not known')
})
