import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { type BalancedTable, PinBalance } from '../../../core/content/pin-balance.ts'
import { PinLedger } from '../../../core/content/pin-ledger.ts'
import { decodeCounts, nodeKey, readLink } from '../../../core/content/pin-records.ts'
import type { KeyValueStore } from '../../../core/storage/storage.ts'
import { createTestNode } from '../../helpers/content-node.ts'
import { arbitraryDag, makeDag } from '../../helpers/dag.ts'

const TABLES: readonly BalancedTable[] = ['pin-counts', 'pin-links', 'pin-queue', 'pin-roots']

interface Entry {
  readonly table: BalancedTable
  readonly key: Uint8Array
  readonly value: Uint8Array
}

function entriesOf(index: KeyValueStore): Entry[] {
  return TABLES.flatMap(table =>
    [...index.bucket(table).entries()].map(([key, value]) => ({ table, key, value })),
  )
}

function problemOf(entries: readonly Entry[]): string | undefined {
  const balance = new PinBalance()
  try {
    for (const { table, key, value } of entries) balance.add(table, key, value)
  } catch (error) {
    if (error instanceof RangeError) return error.message
    throw error
  }
  return balance.problem()
}

t.test('property: a ledger is true after each transaction, whatever is pinned and let go', async t => {
  const schedule = fc.array(fc.tuple(fc.nat(24), fc.nat(6), fc.nat(6)), { minLength: 1, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(arbitraryDag, schedule, async (links, steps) => {
      const { cids } = await makeDag(links)
      const { index } = createTestNode().storage
      const ledger = new PinLedger(index)
      const problems = new Set<string | undefined>()
      // Writes are one after the other: this one sees what those before it left.
      const look = (): Promise<unknown> => index.write(() => problems.add(problemOf(entriesOf(index))))
      const changes = steps.map(async ([which, before, between]) => {
        const at = which % cids.length
        const root = cids[at]
        const ends = (links[at] ?? []).flatMap(end => cids[end] ?? []).map(cid => ({ cid }))
        if (!root) return
        for (let turns = 0; turns < before; turns++) await turn()
        await Promise.all([ledger.addRoot(root), look()])
        if (ends.length > 0) await Promise.all([ledger.expand(root, ends), look()])
        for (let turns = 0; turns < between; turns++) await turn()
        await Promise.all([ledger.removeRoot(root), look()])
        while (ledger.isReleasing) await Promise.all([ledger.release(), look()])
      })
      await Promise.all(changes)
      t.same([...problems], [undefined])
    }),
    { numRuns: 100 },
  )
})

t.test('a walk or a release that was cut short leaves it true', async t => {
  const { cids } = await makeDag(Array.from({ length: 30 }, (_, at) => (at < 29 ? [] : [0])))
  const root = cids.at(-1)
  if (!root) throw new Error('a root')
  const many = Array.from({ length: 100 }, () =>
    cids.slice(0, -1).map(cid => ({ cid, totalBytes: 300 })),
  ).flat()
  const { index } = createTestNode().storage
  const ledger = new PinLedger(index)
  await ledger.addRoot(root)
  const expanding = ledger.expand(root, many)
  let looks = 0
  for (let isOver = false; !isOver; looks++) {
    await index.write(() => t.equal(problemOf(entriesOf(index)), undefined))
    isOver = ledger.nodeOf(root)?.isExpanded === true
  }
  await expanding
  t.ok(looks > 1)
  await ledger.removeRoot(root)
  while (ledger.isReleasing) {
    t.equal(problemOf(entriesOf(index)), undefined)
    await ledger.release()
  }
  t.same(entriesOf(index), [])
})

t.test('any one bit shows that could make a block nobody’s, or somebody’s that nobody has', async t => {
  const { cids } = await makeDag([[], [0], [0, 1], [1, 2]])
  const [a, b, c, d] = cids
  if (!a || !b || !c || !d) throw new Error('four nodes')
  const { index } = createTestNode().storage
  const ledger = new PinLedger(index)
  await ledger.addRoot(d)
  await ledger.addRoot(c)
  await ledger.expand(d, [{ cid: b }, { cid: c, totalBytes: 1000 }])
  await ledger.expand(c, [{ cid: a }, { cid: b }])
  await ledger.removeRoot(d)
  const entries = entriesOf(index)
  t.same([...new Set(entries.map(({ table }) => table))], TABLES, 'there is something in each')
  t.equal(problemOf(entries), undefined)
  for (const [at, entry] of entries.entries()) {
    for (const part of ['key', 'value'] as const) {
      for (let bit = 0; bit < entry[part].length * 8; bit++) {
        const bytes = Buffer.from(entry[part])
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        if (isHarmless(entry, part, bit >> 3)) continue
        const turned = { ...entry, [part]: bytes }
        const problem = problemOf(entries.with(at, turned))
        if (problem === undefined && !saysTheSame(entry, turned))
          t.fail(`bit ${bit} of a ${part} of ${entry.table}`)
      }
    }
  }
})

/** A number may be read as the same with a zero byte behind it that is another's. */
function saysTheSame({ table, value }: Entry, turned: Entry): boolean {
  if (table !== 'pin-counts' || Buffer.compare(value, turned.value) === 0) return false
  return JSON.stringify(decodeCounts(value)) === JSON.stringify(decodeCounts(turned.value))
}

/** Bytes that say nothing, or of which it takes the blocks to tell that they are wrong: marks, sizes, whose links a row has. */
function isHarmless({ table, key, value }: Entry, part: 'key' | 'value', byte: number): boolean {
  if (table === 'pin-roots' || table === 'pin-queue') return part === 'value'
  if (table === 'pin-counts') return part === 'value' && byte === value.length - 1
  if (part === 'key') return byte < key.length
  for (let at = 0; ; ) {
    const found = readLink(value, at)
    if (!found) return false
    at = at + found.link.cid.bytes.length
    if (byte >= at && byte < found.end) return true
    at = found.end
  }
}

t.test('what can not be read is told of', async t => {
  const { cids } = await makeDag([[]])
  const key = cids[0] ? nodeKey(cids[0]) : new Uint8Array()
  const short = key.subarray(0, 20)
  for (const [table, entryKey, value] of [
    ['pin-roots', short, Uint8Array.of(1)],
    ['pin-queue', short, Uint8Array.of(1)],
    ['pin-links', short, new Uint8Array()],
    ['pin-links', Buffer.concat([key, Uint8Array.of(0, 0)]), short],
    ['pin-counts', short, Uint8Array.of(0x55, 1, 0)],
    ['pin-counts', cids[0]?.multihash.bytes ?? short, Uint8Array.of(0xff)],
  ] as const)
    t.throws(() => new PinBalance().add(table, entryKey, value), RangeError)
})
