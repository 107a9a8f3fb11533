import fc from 'fast-check'
import t from 'tap'
import { FingerprintKey } from '../../../../plugins/routing/members/fingerprint.ts'
import { FingerprintTable } from '../../../../plugins/routing/members/fingerprint-table.ts'
import { hashOf } from '../../../helpers/members-node.ts'

const KEY = new FingerprintKey(Buffer.from('honeycup'))
const MAX_BYTES_PER_BLOCK = 16
/** Below so few, what a table takes anyway is more than its blocks. */
const MANY = 2500

t.test('it is a set, whatever the order and however alike the fingerprints', async () => {
  const step = fc.record({
    op: fc.constantFrom('add', 'add', 'delete', 'fit', 'reserve'),
    // Few low words, so that many share a home.
    low: fc.integer({ min: 0, max: 300 }),
    high: fc.integer({ min: 0, max: 2 }),
  })
  fc.assert(
    fc.property(fc.integer(), fc.array(step, { maxLength: 2000, size: 'max' }), (seed, steps) => {
      const table = new FingerprintTable({ seed })
      const model = new Set<number>()
      for (const { op, low, high } of steps) {
        const fingerprint = high * 2 ** 32 + low || 1
        if (op === 'add' && table.add(fingerprint) === model.has(fingerprint)) return false
        if (op === 'delete' && table.delete(fingerprint) !== model.has(fingerprint)) return false
        if (op === 'add') model.add(fingerprint)
        if (op === 'delete') model.delete(fingerprint)
        if (op === 'fit') table.fit()
        if (op === 'reserve') table.reserve(low * 3)
        if (table.size !== model.size || table.has(fingerprint) !== model.has(fingerprint)) return false
      }
      for (let low = 1; low <= 300; low++) if (table.has(low) !== model.has(low)) return false
      return true
    }),
    { numRuns: 60 },
  )
})

t.test('a block takes at most 16 bytes, while it grows, too', async t => {
  const table = new FingerprintTable({ seed: 7 })
  let most = 0
  const fingerprints = Array.from({ length: 100_000 }, (_, number) => KEY.of(hashOf(number)))
  for (const fingerprint of fingerprints) {
    const { bytes, nextBytes } = table
    table.add(fingerprint)
    if (table.bytes !== nextBytes) t.fail('it takes other memory than it said')
    const during = nextBytes === bytes ? bytes : bytes + nextBytes
    if (table.size >= MANY) most = Math.max(most, during / table.size)
  }
  t.ok(most <= MAX_BYTES_PER_BLOCK && most > 6, `${most} bytes`)
  t.ok(table.bytes / table.size < 9, `${table.bytes / table.size} bytes at the end`)

  most = 0
  for (const fingerprint of fingerprints) {
    table.delete(fingerprint)
    if (table.size >= MANY) most = Math.max(most, table.bytes / table.size)
  }
  t.ok(most <= MAX_BYTES_PER_BLOCK, `${most} bytes on the way back`)
  t.equal(table.size, 0)
  t.ok(table.bytes < 1024)
  t.equal(FingerprintTable.bytesFor(0), table.bytes)

  table.reserve(100_000)
  t.equal(table.bytes, FingerprintTable.bytesFor(100_000))
  table.fit()
  t.ok(table.bytes < 1024, 'what was reserved in vain is given back')
})

t.test('of a million others none is found among a million', async t => {
  // Stated: one in 2^48 for each block known. With one key in 300 one would be found here.
  const table = new FingerprintTable({ seed: 7 })
  for (let number = 0; number < 1_000_000; number++) table.add(KEY.of(hashOf(number)))
  let found = 0
  for (let number = 1_000_000; number < 2_000_000; number++)
    found += Number(table.has(KEY.of(hashOf(number))))
  t.equal(found, 0)
  t.equal(table.size, 1_000_000)
})
