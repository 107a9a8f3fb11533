import t from 'tap'
import { silentLogger } from '../../../../core/logger.ts'
import { createMemoryStorage } from '../../../../core/storage/memory.ts'
import { exchangeMetrics } from '../../../../plugins/exchange/metrics.ts'
import { Server } from '../../../../plugins/exchange/server/server.ts'
import type { Asker, Serving } from '../../../../plugins/exchange/server/serving.ts'
import { Tally } from '../../../../plugins/exchange/tally.ts'
import { startNode } from '../../network/nodes.ts'
import { randomBlock } from '../fixture.ts'

const MIB = 1024 * 1024

t.test(
  'who has blocks read and takes them back is told BUSY, who only asks waits, and nobody else',
  async t => {
    const node = await startNode(t)
    const storage = createMemoryStorage({ maxBytes: 64 * MIB })
    t.teardown(() => storage.close())
    const { cid, bytes } = randomBlock(2 * MIB)
    await storage.blocks.put(cid, bytes)
    const clock = { nowMs: 0 }
    const server = new Server(
      { maxReadAheadBytes: 8 * MIB },
      {
        blocks: storage.blocks,
        peers: node.peers,
        bandwidth: { isLimited: false, serves: true, uploadBytesPerSecond: 0, isMetered: () => false },
        tally: new Tally(exchangeMetrics(node.metrics.factory('exchange'))),
        log: silentLogger,
        now: () => clock.nowMs,
      },
    )
    /** False where it is refused; else it is read, and not wanted any more. */
    const askInVain = async (peer: string): Promise<boolean> => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const asker: Asker = { peer, isMetered: false, fulfil: () => resolve(), refuse() {}, gained() {} }
      const serving: Serving = { asker, cid, bytes: bytes.byteLength, state: 'queued', cancelled: false }
      if (!server.enqueue(serving)) return false
      await promise
      server.giveBackUnsent(asker, serving.bytes)
      return true
    }
    let reads = 0
    while (reads < 100 && (await askInVain('greedy'))) reads++
    t.equal(reads, 33, '64 MiB, and one more')
    t.equal(await askInVain('other'), true)
    clock.nowMs += 1000
    t.equal(await askInVain('greedy'), true, '4 MiB a second')
    t.equal(server.readAheadBytes, 0)

    server.questioned('greedy', 65_536)
    t.equal(server.delayMs('greedy'), 0, 'as many as a fetch may ask at once')
    server.questioned('greedy', 1000)
    t.same([server.delayMs('greedy'), server.delayMs('other')], [100, 0], '10,000 a second')
  },
)
