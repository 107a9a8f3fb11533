import { randomBytes } from 'node:crypto'
import t from 'tap'
import { use } from '../../../core/container.ts'
import { Content, type ImportEntry } from '../../../core/content/content.ts'
import { Cache } from '../../../core/services/cache.ts'
import { Pins } from '../../../core/services/pins.ts'
import { Storage } from '../../../core/storage/storage.ts'
import cache from '../../../plugins/cache/index.ts'
import { startPlugins } from '../../helpers/plugin-node.ts'

const MIB = 1 << 20

async function* file(bytes: number): AsyncGenerator<ImportEntry> {
  yield {
    type: 'file',
    path: '',
    bytes: (async function* () {
      yield randomBytes(bytes)
    })(),
  }
}

t.test('what a user unpinned makes room at once; what is pinned never does', async t => {
  const { container, state, stop } = await startPlugins([{ plugin: cache }])
  const content = use(container, Content)
  const pins = use(container, Pins)
  const { blocks } = use(container, Storage)
  t.equal(blocks.stats().maxBytes, 64 * MIB)

  const kept = await content.add(file(20 * MIB))
  const dropped = await content.add(file(20 * MIB))
  await t.rejects(content.add(file(30 * MIB)), { code: 'STORAGE_FULL' })
  await pins.remove(dropped.cid)
  const added = await content.add(file(30 * MIB))

  t.ok(use(container, Cache).stats().evictedBlocks >= 8)
  t.same(state.status().details.cache, use(container, Cache).stats())
  for (const { cid } of [kept, added]) {
    let bytes = 0
    for await (const chunk of content.cat(cid.toString())) bytes += chunk.length
    t.ok(bytes >= 20 * MIB, 'it is whole')
  }
  await stop()
})

t.test(
  'what a user added without a pin makes room at once, and so does what an add that was refused left',
  async t => {
    const { container, stop } = await startPlugins([{ plugin: cache }])
    const content = use(container, Content)
    const kept = await content.add(file(20 * MIB))
    // Far more than there is room for, in less time than the search for what is free is held back for.
    for (let round = 0; round < 8; round++) await content.add(file(20 * MIB), { pin: false })
    for (let round = 0; round < 2; round++) {
      await t.rejects(content.add(file(50 * MIB), { pin: false }), { code: 'STORAGE_FULL' })
    }
    await content.add(file(20 * MIB), { pin: false })
    let bytes = 0
    for await (const chunk of content.cat(kept.cid.toString())) bytes += chunk.length
    t.equal(bytes, 20 * MIB)
    await stop()
  },
)

t.test('a pinned block of which a bit of the count turned does not make room', async t => {
  const { container, stop } = await startPlugins([{ plugin: cache }])
  const content = use(container, Content)
  const { blocks, index } = use(container, Storage)
  const kept = await content.add(file(5 * MIB))
  const counts = index.bucket('pin-counts')
  for (const [hash, value] of [...counts.entries()]) {
    const turned = Buffer.from(hash)
    turned[20] = (turned[20] ?? 0) ^ 16
    await index.write(batch => {
      batch.delete(counts, hash)
      batch.put(counts, turned, value)
    })
  }
  for (let round = 0; round < 8; round++) await content.add(file(20 * MIB), { pin: false })
  t.ok(use(container, Cache).stats().evictedBlocks > 0)
  t.ok(blocks.has(kept.cid))
  let bytes = 0
  for await (const chunk of content.cat(kept.cid.toString())) bytes += chunk.length
  t.equal(bytes, 5 * MIB)
  await stop()
})
