import t from 'tap'
import { silentLogger } from '../../../core/logger.ts'
import { openStorage } from '../../../core/storage/open.ts'
import type { Storage } from '../../../core/storage/storage.ts'
import { cidOf, createCache } from './fixture.ts'

const MIB = 1 << 20
const BLOCK_BYTES = 100_000

const open = (directory: string): Promise<Storage> =>
  openStorage(
    { directory, maxBytes: 10 * MIB, minFreeDiskBytes: 0, mapBytes: 64 * MIB },
    { log: silentLogger },
  )

const put = (storage: Storage, id: number): Promise<void> =>
  storage.blocks.put(cidOf(id), Buffer.alloc(BLOCK_BYTES, id))

t.test('on a real disk the order of use survives a restart, and the quota holds', async t => {
  const directory = t.testdir()
  const before = await open(directory)
  const cache = createCache(before, { headroomBytes: MIB })
  cache.attach()
  for (let id = 0; id < 40; id++) await put(before, id)
  for (const id of [3, 1]) await before.blocks.get(cidOf(id))
  await cache.detach()
  await before.close()

  const storage = await open(directory)
  const again = createCache(storage, { headroomBytes: MIB, pinned: new Set([0, 5]) })
  again.attach()
  for (let id = 40; id < 150; id++) {
    await put(storage, id)
    const { usedBytes, reservedBytes, maxBytes } = storage.blocks.stats()
    t.ok(usedBytes + reservedBytes <= maxBytes, `${usedBytes} and ${reservedBytes} of ${maxBytes}`)
    if (id === 85) {
      const held = [0, 1, 2, 3, 4, 5, 6].filter(old => storage.blocks.has(cidOf(old)))
      t.same(held, [0, 1, 3, 5], 'unused ones went first, pinned and used ones are there')
    }
  }
  const held = [0, 1, 3, 5, 149].filter(id => storage.blocks.has(cidOf(id)))
  t.same(held, [0, 5, 149], 'in the end only pinned and new ones are there')
  t.same(await storage.blocks.get(cidOf(149)), Buffer.alloc(BLOCK_BYTES, 149))
  await again.detach()
  await storage.close()
})
