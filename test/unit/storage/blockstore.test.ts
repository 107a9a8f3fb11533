import type { Blockstore } from 'interface-blockstore'
import t from 'tap'
import { createBlockstore } from '../../../core/storage/blockstore.ts'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import { block } from '../../conformance/block-store.ts'
import { runMochaSuite } from './ecosystem-suite.ts'
import { MIB, openAt } from './stores.ts'

const { interfaceBlockstoreTests } = await import('interface-blockstore-tests')

t.test('a block store is an interface-blockstore', async t => {
  const { blocks } = await openAt(t, t.testdir())
  await runMochaSuite(t, () =>
    interfaceBlockstoreTests<Blockstore>({
      setup: () => createBlockstore(blocks),
      async teardown() {
        await blocks.delete(blocks.list().map(({ hash }) => hash))
      },
    }),
  )
})

t.test('blocks of several parts, and more than one list of them', async t => {
  const { blocks } = createMemoryStorage({ maxBytes: 8 * MIB })
  const store = createBlockstore(blocks)
  const held = Array.from({ length: 600 }, (_, i) => block(i + 1))
  for (const { cid, bytes } of held) await store.put(cid, [bytes.subarray(0, 1), bytes.subarray(1)])
  const seen = new Set<string>()
  for await (const { cid, bytes } of store.getAll()) {
    seen.add(cid.toString())
    for await (const part of bytes) t.equal(part.length, blocks.sizeOf(cid))
  }
  t.same(seen, new Set(held.map(({ cid }) => cid.toString())))
})
