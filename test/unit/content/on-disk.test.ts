import { open as openFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { ImportEntry } from '../../../core/content/content.ts'
import { silentLogger } from '../../../core/logger.ts'
import { openStorage } from '../../../core/storage/open.ts'
import { rebuildIndex } from '../../../core/storage/rebuild.ts'
import type { Storage } from '../../../core/storage/storage.ts'
import {
  bytesOf,
  collect,
  createTestNode,
  entriesFrom,
  exchangeWith,
  pattern,
  streamOf,
} from '../../helpers/content-node.ts'

const MIB = 1024 * 1024

function open(directory: string): Promise<Storage> {
  const limits = { maxBytes: 256 * MIB, minFreeDiskBytes: 0, mapBytes: 64 * MIB }
  return openStorage({ directory, ...limits }, { log: silentLogger })
}

t.test('a tree on disk survives a restart, moves to another node, and goes when it is unpinned', async t => {
  const directories = t.testdir({ one: {}, other: {} })
  const directory = join(directories, 'one')
  const big = pattern(9 * MIB + 5)
  const entries: ImportEntry[] = [
    { type: 'file', path: 'big', bytes: streamOf(big) },
    ...Array.from({ length: 300 }, (_, at): ImportEntry => {
      return { type: 'file', path: `small/${at}`, mode: 0o755, bytes: streamOf(pattern(500, at + 1)) }
    }),
  ]
  const before = await open(directory)
  const { cid } = await createTestNode({ storage: before }).content.add(entriesFrom(entries))
  await before.close()

  const storage = await open(directory)
  const node = createTestNode({ storage })
  await node.pins.start()
  t.match(node.pins.get(cid), { state: 'pinned' })
  t.ok((await bytesOf(node.content.cat(`${cid}/big`))).equals(big))

  const other = await open(join(directories, 'other'))
  const receiver = createTestNode({ storage: other })
  receiver.blocks.attachExchange(exchangeWith(storage))
  await receiver.pins.add(cid)
  t.equal(other.blocks.stats().blocks, storage.blocks.stats().blocks)
  t.equal((await collect(receiver.content.export(`${cid}`))).length, 303)
  for (const { hash } of other.blocks.list()) t.ok(receiver.pins.holds(hash))

  await node.pins.remove(cid)
  for (const { hash } of storage.blocks.list()) t.notOk(node.pins.holds(hash))
  for (const name of ['pin-counts', 'pin-links', 'pin-queue']) t.equal(storage.index.bucket(name).size(), 0)
  await Promise.all([node.pins.stop(), receiver.pins.stop()])
  await Promise.all([storage.close(), other.close()])
})

t.test('a pin that lost a block in a rebuild says so, and is made whole from a peer', async t => {
  const directories = t.testdir({ one: {}, other: {} })
  const directory = join(directories, 'one')
  const big = pattern(3 * MIB)
  const before = await open(directory)
  const first = createTestNode({ storage: before })
  const entries = (): AsyncIterable<ImportEntry> =>
    entriesFrom([{ type: 'file', path: '', bytes: streamOf(big) }])
  const { cid } = await first.content.add(entries())
  await before.close()

  const [segment = ''] = await readdir(join(directory, 'segments'))
  const file = await openFile(join(directory, 'segments', segment), 'r+')
  await file.write(Buffer.alloc(100, 7), 0, 100, 4096)
  await file.close()
  t.match(await rebuildIndex({ directory, mapBytes: 64 * MIB }, { log: silentLogger }), { damaged: 1 })

  const storage = await open(directory)
  const node = createTestNode({ storage })
  await node.pins.start()
  t.match(node.pins.get(cid), { state: 'pinning' })
  const other = await open(join(directories, 'other'))
  t.ok((await createTestNode({ storage: other }).content.add(entries())).cid.equals(cid))
  node.blocks.attachExchange(exchangeWith(other))
  t.match(await node.pins.add(cid), { state: 'pinned' })
  t.ok((await bytesOf(node.content.cat(`${cid}`))).equals(big))
  await node.pins.stop()
  await Promise.all([storage.close(), other.close()])
})
