import fc from 'fast-check'
import type { Test } from 'tap'
import type { KeyRange, KeyValueStore } from '../../core/storage/storage.ts'
import { compare, same } from './bytes.ts'

export async function transactions(t: Test, store: KeyValueStore): Promise<void> {
  const things = store.bucket('demo/things')
  const others = store.bucket('demo/others')
  const [a, b, c] = [Buffer.from('a'), Buffer.from('b'), Buffer.from('c')]

  const result = await store.write(batch => {
    batch.put(things, a, Buffer.from('1'))
    batch.put(others, b, new Uint8Array())
    t.same(things.get(a), new Uint8Array(Buffer.from('1')), 'reads its own puts')
    t.equal(things.size(), 1)
    batch.delete(things, a)
    t.notOk(things.has(a), 'reads its own deletes')
    batch.put(things, a, Buffer.from('2'))
    batch.delete(things, c)
    return 'done'
  })
  t.equal(result, 'done')
  t.same(things.get(a), new Uint8Array(Buffer.from('2')))
  t.same(others.get(b), new Uint8Array(), 'empty values are values')
  t.ok(others.has(b))
  t.equal(things.get(c), undefined)

  let kept: Parameters<Parameters<typeof store.write>[0]>[0] | undefined
  await t.rejects(
    store.write(batch => {
      kept = batch
      batch.put(things, a, Buffer.from('3'))
      batch.put(things, c, Buffer.from('3'))
      batch.delete(others, b)
      throw new Error('changed my mind')
    }),
    /changed my mind/,
  )
  t.same(things.get(a), new Uint8Array(Buffer.from('2')), 'what threw left nothing')
  t.notOk(things.has(c))
  t.ok(others.has(b))
  t.throws(() => kept?.put(things, a, Buffer.from('4')), /over/, 'a batch ends with its transaction')

  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) =>
      store.write(batch => {
        const before = things.get(c)?.[0] ?? 0
        batch.put(things, c, Buffer.of(before + 1))
        if (i % 4 === 3) throw new Error('not me')
        return before
      }),
    ),
  )
  t.equal(things.get(c)?.[0], 15, 'writes come one after the other; each failure is its own')
  t.equal(outcomes.filter(({ status }) => status === 'rejected').length, 5)

  const value = things.get(a)
  value?.fill(0)
  t.same(things.get(a), new Uint8Array(Buffer.from('2')), 'the caller owns what it gets')
  const given = Buffer.from('mine')
  await store.write(batch => batch.put(things, a, given))
  given.fill(0)
  t.same(things.get(a), new Uint8Array(Buffer.from('mine')), 'and what it gave')
}

export async function ranges(t: Test, store: KeyValueStore): Promise<void> {
  const bucket = store.bucket('demo/ranges')
  const keys = fc.uint8Array({ minLength: 1, maxLength: 3 })
  const bound = fc.option(keys, { nil: undefined })
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(keys, { maxLength: 150, selector: key => Buffer.from(key).toString('hex') }),
      bound,
      bound,
      fc.boolean(),
      fc.option(fc.nat(160), { nil: undefined }),
      async (keys, from, to, reverse, limit) => {
        await store.write(batch => {
          for (const key of bucket.keys()) batch.delete(bucket, key)
          for (const key of keys) batch.put(bucket, key, Buffer.concat([key, key]))
        })
        const expected = keys
          .filter(key => (!from || compare(key, from) >= 0) && (!to || compare(key, to) < 0))
          .sort((x, y) => (reverse ? compare(y, x) : compare(x, y)))
          .slice(0, limit)
        const range: KeyRange = { from, to, reverse, limit }
        const entries = [...bucket.entries(range)]
        same(
          entries.map(([key]) => key),
          expected,
        )
        same([...bucket.keys(range)], expected)
        for (const [key, value] of entries) same([value], [Buffer.concat([key, key])])
        if (bucket.size() !== keys.length) throw new Error(`size ${bucket.size()} of ${keys.length}`)
      },
    ),
    { numRuns: 40 },
  )
  t.pass('every range gives what a sorted list would')

  await store.write(batch => {
    for (const key of bucket.keys()) batch.delete(bucket, key)
    for (let i = 0; i < 200; i++) batch.put(bucket, Buffer.of(i), Buffer.of(i))
  })
  const seen: number[] = []
  for (const [key] of bucket.entries()) {
    seen.push(key[0] ?? -1)
    if (key[0] === 10) await store.write(batch => batch.delete(bucket, Buffer.of(150)))
    if (key[0] === 20) await store.write(batch => batch.delete(bucket, Buffer.of(5)))
  }
  t.same(
    seen.filter(i => i !== 150),
    Array.from({ length: 200 }, (_, i) => i).filter(i => i !== 150),
    'writes during an iteration shift nothing',
  )
}
