import { pino } from 'pino'
import t from 'tap'
import {
  cidOfHash,
  connect,
  createMembersNode,
  HashStore,
  hashOf,
  when,
} from '../../../helpers/members-node.ts'

/** Can't be read for a while. */
class FailingStore extends HashStore {
  isBroken = false

  override has(...args: Parameters<HashStore['has']>): boolean {
    if (this.isBroken) throw new Error('an I/O error')
    return super.has(...args)
  }
}

for (const [blocks, snapshots, how] of [
  [5, 1, 'change by change'],
  [5000, 2, 'anew'],
] as const) {
  t.test(`what ${blocks} blocks became while the store could not be read is told ${how}`, async t => {
    const warnings: string[] = []
    const warned = Promise.withResolvers<void>()
    const write = (line: string): void => {
      warnings.push(line)
      warned.resolve()
    }
    const log = pino({ level: 'warn' }, { write })
    const store = new FailingStore()
    const holder = await createMembersNode(t, { blocks: store, log })
    const reader = await createMembersNode(t, { blocks: new HashStore() })
    const told = await holder.run()
    const { index } = await reader.run()
    await connect(reader, holder)
    await when(index, () => index.describe().members[0]?.state === 'current')
    store.isBroken = true
    for (let number = 0; number < blocks; number++) store.put(hashOf(number))
    await warned.promise
    store.isBroken = false
    await when(index, () => index.describe().blocks === blocks)
    t.same(index.providersOf(cidOfHash(hashOf(blocks - 1))).map(String), [holder.id])
    t.equal(await told.metric('snapshots_total{direction="told"}'), snapshots)
    t.equal(warnings.length, 1, 'it is said once')
  })
}

t.test('a key that an index has damaged holds nothing up', async t => {
  const store = new HashStore()
  const holder = await createMembersNode(t, { blocks: store })
  const reader = await createMembersNode(t, { blocks: new HashStore() })
  await holder.run()
  const { index } = await reader.run()
  await connect(reader, holder)
  await when(index, () => index.describe().members[0]?.state === 'current')
  store.delete(Uint8Array.of(0x22, 0x5d))
  store.put(hashOf(1))
  await when(index, () => index.describe().blocks === 1)
  t.same(index.providersOf(cidOfHash(hashOf(1))).map(String), [holder.id])
})
