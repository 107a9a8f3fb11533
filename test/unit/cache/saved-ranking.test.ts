import t from 'tap'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import { SavedRanking } from '../../../plugins/cache/saved-ranking.ts'

const KIB = 1024

t.test('what is saved comes back, whatever its size, and the one before leaves nothing', async t => {
  const { index } = createMemoryStorage({ maxBytes: 1 })
  const saved = new SavedRanking(index)
  t.equal(saved.load(), undefined)
  for (const size of [600 * KIB, 64 * KIB, 0, 1, 700 * KIB, 300 * KIB]) {
    const bytes = Buffer.alloc(size, `${size}`)
    await saved.save(bytes)
    t.ok(bytes.equals(saved.load() ?? Buffer.of()))
    t.equal(index.bucket('cache/ranking').size(), 1 + Math.ceil(size / (64 * KIB)))
  }
})

t.test('what is not all there is nothing', async t => {
  const { index } = createMemoryStorage({ maxBytes: 1 })
  const saved = new SavedRanking(index)
  await saved.save(Buffer.alloc(200 * KIB))
  const bucket = index.bucket('cache/ranking')
  // As long as a damaged head may say.
  const head = Buffer.of(bucket.get(Buffer.of(0xff))?.[0] ?? 0, 0xff, 0xff, 0xff, 0xff)
  await index.write(batch => batch.put(bucket, Buffer.of(0xff), head))
  t.equal(saved.load(), undefined)
})

t.test('a save that ends midway leaves the one before', async t => {
  const { index } = createMemoryStorage({ maxBytes: 1 })
  const first = Buffer.alloc(700 * KIB, 'first')
  await new SavedRanking(index).save(first)
  let writes = 0
  const failing = new SavedRanking({
    bucket: name => index.bucket(name),
    async write(change) {
      writes += 1
      if (writes === 3) throw new Error('the power went')
      return index.write(change)
    },
  })
  await t.rejects(failing.save(Buffer.alloc(700 * KIB, 'second')), { message: 'the power went' })
  t.ok(first.equals(new SavedRanking(index).load() ?? Buffer.of()))
})
