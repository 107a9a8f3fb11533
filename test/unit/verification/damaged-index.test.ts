import { CID } from 'multiformats/cid'
import { decode } from 'multiformats/hashes/digest'
import t from 'tap'
import { bytesOf, fileOf, pattern } from '../../helpers/content-node.ts'
import { MIB } from '../storage/stores.ts'
import { startVerified } from './fixture.ts'

t.test('entries of the index that are damaged stop no scrub, and are mended', async t => {
  const node = await startVerified(t)
  const { storage, verification } = node
  const { cid: root } = await node.content.add(fileOf(pattern(5 * MIB + 1000)))
  const before = storage.blocks.stats()
  // A pass begins with a look at the tables: what is damaged in the midst of it is left to the blocks.
  await node.until(() => verification.status().blocks > 0)
  const blocks = storage.index.bucket('blocks')
  const [, first, second, third] = storage.blocks.list()
  if (!first || !second || !third) throw new Error('three blocks')
  await storage.index.write(batch => {
    for (const [{ hash }, at, bit] of [
      [first, 0, 4],
      [second, 12, 1],
      [third, 6, 64],
    ] as const) {
      const entry = Buffer.from(blocks.get(hash) ?? [])
      entry[at] = (entry[at] ?? 0) ^ bit
      batch.put(blocks, hash, entry)
    }
    // A key of which a bit turned: another block's name, so to say.
    const { hash } = storage.blocks.list().at(-1) ?? third
    const key = Buffer.from(hash)
    key[20] = (key[20] ?? 0) ^ 1
    const entry = Buffer.from(blocks.get(hash) ?? [])
    batch.delete(blocks, hash)
    batch.put(blocks, key, entry)
  })
  const held = (): boolean =>
    [first, second, third].every(({ hash }) => storage.blocks.has(CID.createV1(0x55, decode(hash))))
  t.notOk(held())
  const passes = (): number => verification.status().lastPass?.endedMs ?? 0
  await node.until(() => verification.status().isDone)
  const ended = passes()
  await node.until(() => passes() > ended)
  t.ok(held())
  t.match(storage.blocks.stats(), { blocks: before.blocks, blockBytes: before.blockBytes })
  t.equal(verification.list.size, 0)
  t.equal(Buffer.compare(await bytesOf(node.content.cat(root.toString())), pattern(5 * MIB + 1000)), 0)
})

t.test('what the plugin keeps may be damaged, too', async t => {
  const node = await startVerified(t)
  await node.content.add(fileOf(pattern(2 * MIB)))
  await node.close()
  const again = await startVerified(t, { directory: node.directory })
  const { index } = again.storage
  const [state, damaged] = ['verification/state', 'verification/damaged'].map(name => index.bucket(name))
  if (!state || !damaged) throw new Error('two buckets')
  await index.write(batch => {
    batch.put(state, Buffer.from('scrub'), Buffer.from('{"position":'))
    batch.put(damaged, Buffer.from('no multihash'), Buffer.from('{}'))
  })
  await again.close()
  const last = await startVerified(t, { directory: node.directory })
  t.equal(last.verification.list.size, 0)
  await last.until(() => last.verification.status().isDone)
})
