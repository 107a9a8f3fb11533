import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { cidOf } from '../../../core/content/hashes.ts'
import { silentLogger } from '../../../core/logger.ts'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import { DamageList } from '../../../plugins/verification/damage-list.ts'

const MIB = 1024 * 1024

function open(store = createMemoryStorage({ maxBytes: MIB }).index, maxBlocks = 3) {
  let wallMs = 1000
  const list = new DamageList({ maxBlocks }, { store, log: silentLogger, wallMs: () => wallMs++ })
  list.open()
  return { list, store }
}

const hashes = Array.from({ length: 5 }, (_, at) => cidOf(0x55, Uint8Array.of(at)).multihash.bytes)
const [first, second, third, fourth] = hashes as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]

t.test('the list is bounded, and counts what it has no room for', async t => {
  const { list } = open()
  for (const hash of [...hashes, first]) list.add(hash)
  t.match([list.size, list.beyond], [3, 2])
  t.notOk(list.has(fourth))
  t.same(
    Array.from(list.entries(), ({ foundMs }) => foundMs),
    [1000, 1001, 1002],
  )
  t.ok(list.remove(second))
  t.notOk(list.remove(second))
  list.recount()
  list.add(fourth)
  t.match([list.size, list.beyond], [3, 0])
  await list.settled()
})

t.test('a restart forgets none, and tries anew', async t => {
  const before = open()
  for (const hash of [first, second, third]) before.list.add(hash)
  before.list.failed(first, 'nobody has it', 5000)
  t.match([...before.list.entries()][0], { tries: 1, reason: 'nobody has it', notBeforeMs: 5000 })
  before.list.failed(fourth, 'not listed', 1)
  before.list.remove(third)
  await before.list.settled()
  const { list } = open(before.store)
  t.match([list.size, list.beyond], [2, 0])
  const found = [...list.entries()].find(({ hash }) => Buffer.compare(hash, first) === 0)
  t.match(found, { foundMs: 1000, tries: 0, notBeforeMs: 0 })
})

t.test('whoever repairs hears of new work, and of another chance', async t => {
  const { list } = open()
  let times = 0
  const end = list.onWork(() => {
    times += 1
  })
  list.add(first)
  list.add(first)
  t.equal(times, 1)
  list.failed(first, 'no', 9000)
  list.retryAll()
  t.equal(times, 2)
  t.match([...list.entries()], [{ tries: 0, notBeforeMs: 0 }])
  end()
  list.add(second)
  t.equal(times, 2)
  await list.settled()
})

t.test('a store that takes nothing keeps the list in memory', async t => {
  const storage = createMemoryStorage({ maxBytes: MIB })
  const { list } = open(storage.index)
  await storage.close()
  t.doesNotThrow(() => list.add(first))
  await list.settled()
  await turn()
  t.ok(list.has(first))
})
