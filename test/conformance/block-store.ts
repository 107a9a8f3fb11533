import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import type { Test } from 'tap'
import { cidOf } from '../../core/content/hashes.ts'
import { diskBytesOf } from '../../core/storage/size-classes.ts'
import type { Evictor, Reservation, Storage } from '../../core/storage/storage.ts'
import { compare, same } from './bytes.ts'

const RAW = 0x55
const MIB = 1024 * 1024

export function block(size: number, bytes: Uint8Array = randomBytes(size)): { cid: CID; bytes: Uint8Array } {
  return { cid: cidOf(RAW, bytes), bytes }
}

export async function keptBlocks(t: Test, { blocks }: Storage): Promise<void> {
  const sizes = [0, 1, 1900, 1901, 32767, 32768, 36736, 36737, 262144, 262158, MIB, 2 * MIB - 1, 2 * MIB]
  const held = sizes.map(size => block(size))
  await Promise.all(held.map(({ cid, bytes }) => blocks.put(cid, bytes)))
  for (const { cid, bytes } of held) {
    t.ok(blocks.has(cid))
    t.equal(blocks.sizeOf(cid), bytes.length)
    const got = await blocks.get(cid)
    t.equal(compare(got, bytes), 0, `${bytes.length} bytes`)
    t.equal(got.byteLength, got.buffer.byteLength, 'a buffer of its own, no larger')
    got.fill(1)
    t.equal(compare(await blocks.get(cid), bytes), 0, 'the caller owns the bytes')
    t.ok(blocks.has(CID.createV1(0x70, cid.multihash)), 'the codec makes no difference')
  }
  const expected = sizes.reduce((sum, size) => sum + diskBytesOf(size), 0)
  t.match(blocks.stats(), { blocks: sizes.length, blockBytes: expected, reservedBytes: 0 })
  t.ok(blocks.stats().usedBytes >= expected)
  const { cid } = block(10)
  t.notOk(blocks.has(cid))
  t.equal(blocks.sizeOf(cid), undefined)
  await t.rejects(blocks.get(cid), { code: 'BLOCK_NOT_FOUND' })
}

export async function identityBlocks(t: Test, { blocks }: Storage): Promise<void> {
  const cid = CID.createV1(RAW, identity.digest(Buffer.from('hello')))
  t.ok(blocks.has(cid))
  t.equal(blocks.sizeOf(cid), 5)
  t.same(await blocks.get(cid), new Uint8Array(Buffer.from('hello')))
  await blocks.put(cid, Buffer.from('hello'))
  t.match(blocks.stats(), { blocks: 0, blockBytes: 0 }, 'never stored')
}

export async function puttingMany(t: Test, { blocks }: Storage): Promise<void> {
  const many = [
    ...Array.from({ length: 200 }, () => block(4096)),
    block(0),
    block(32767),
    block(32768),
    block(MIB),
  ]
  const [held, ...others] = many as [(typeof many)[0], ...typeof many]
  await blocks.put(held.cid, held.bytes)
  const stored: Uint8Array[] = []
  t.teardown(blocks.onStored(hash => stored.push(hash)))
  const reservation = await blocks.reserve(100 * 4096, { blocks: 100 })
  t.ok(reservation.bytes >= 100 * diskBytesOf(4096), 'with what each takes beside its bytes')
  await Promise.all([
    blocks.putAll([...many, ...others.slice(0, 3)], { reservation }),
    blocks.put((others[5] as typeof held).cid, (others[5] as typeof held).bytes),
    blocks.putAll(others.slice(10, 20)),
  ])
  reservation.release()
  t.equal(stored.length, others.length, 'each is told of once')
  for (const { cid, bytes } of many) t.equal(compare(await blocks.get(cid), bytes), 0)
  const blockBytes = many.reduce((sum, { bytes }) => sum + diskBytesOf(bytes.length), 0)
  t.match(blocks.stats(), { blocks: many.length, blockBytes, reservedBytes: 0 })
  await t.rejects(blocks.putAll([block(10), block(2 * MIB + 1)]), { code: 'BLOCK_TOO_LARGE' })
  t.equal(blocks.stats().blocks, many.length)
}

export async function inspects(t: Test, { blocks }: Storage): Promise<void> {
  const held = [0, 100, 31 * 1024, 32_768, 36_736, 36_737, MIB, 2 * MIB].map(size => block(size))
  await Promise.all(held.map(({ cid, bytes }) => blocks.put(cid, bytes)))
  const read: Uint8Array[] = []
  t.teardown(blocks.attachEvictor(listener({ read: hash => read.push(hash) })))
  const damaged: Uint8Array[] = []
  const stopListening = blocks.onDamaged(hash => damaged.push(hash))
  for (const { cid, bytes } of held) {
    const hash = cid.multihash.bytes
    const seen: Uint8Array[] = []
    const got = await blocks.inspect(hash, (...given) => seen.push(...given) > 0)
    same([got, ...seen], [bytes, hash, bytes])
    t.equal(got.byteLength, got.buffer.byteLength, 'a buffer of its own')
  }
  t.same(read, [], 'the evictor hears nothing of it')

  const { blocks: count, blockBytes } = blocks.stats()
  const [, small, , , large] = held
  if (!small || !large) throw new Error('blocks of both kinds')
  for (const { cid, bytes } of [small, large]) {
    const hash = cid.multihash.bytes
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => blocks.inspect(hash, async () => false)))
    for (const { status } of outcomes) t.equal(status, 'rejected')
    t.match(outcomes, [{ reason: { code: 'BLOCK_CORRUPT' } }])
    t.notOk(blocks.has(cid), 'what is refused counts as absent')
    await t.rejects(blocks.get(cid), { code: 'BLOCK_NOT_FOUND' })
    await t.rejects(
      blocks.inspect(hash, () => true),
      { code: 'BLOCK_NOT_FOUND' },
    )
    same(damaged.splice(0), [hash])
    stopListening()
    await blocks.put(cid, bytes)
    same([await blocks.inspect(hash, () => true)], [bytes])
    blocks.onDamaged(hash => damaged.push(hash))
  }
  t.equal(blocks.stats().blocks, count)
  t.ok(blocks.stats().blockBytes >= blockBytes, 'a bad slot stays taken')

  const gone = new AbortController()
  gone.abort(new Error('no more'))
  await t.rejects(
    blocks.inspect(small.cid.multihash.bytes, () => true, { signal: gone.signal }),
    /no more/,
  )
}

export async function checks(t: Test, { blocks }: Storage): Promise<void> {
  const [good, bad] = [block(100), block(40_000)]
  for (const { cid, bytes } of [good, bad]) await blocks.put(cid, bytes)
  const isGood = (hash: Uint8Array, bytes: Uint8Array): boolean =>
    compare(hash, good.cid.multihash.bytes) === 0 && compare(bytes, good.bytes) === 0
  const detach = blocks.attachCheck(isGood)
  t.throws(() => blocks.attachCheck(() => true), /already/)
  const damaged: Uint8Array[] = []
  t.teardown(blocks.onDamaged(hash => damaged.push(hash)))
  same([await blocks.get(good.cid)], [good.bytes])
  await t.rejects(blocks.get(bad.cid), { code: 'BLOCK_CORRUPT' })
  t.notOk(blocks.has(bad.cid))
  same(damaged, [bad.cid.multihash.bytes])
  detach()
  detach()
  await blocks.put(bad.cid, bad.bytes)
  same([await blocks.get(bad.cid)], [bad.bytes])
  t.teardown(blocks.attachCheck(async () => true))
  same([await blocks.get(bad.cid)], [bad.bytes])
}

export async function concurrentPuts(t: Test, { blocks }: Storage): Promise<void> {
  const { cid, bytes } = block(50_000)
  const stored: Uint8Array[] = []
  t.teardown(blocks.attachEvictor(listener({ stored: hash => stored.push(hash) })))
  const controller = new AbortController()
  const first = blocks.put(cid, bytes, { signal: controller.signal })
  const others = Array.from({ length: 8 }, () => blocks.put(cid, bytes))
  controller.abort(new Error('not me'))
  await t.rejects(first, /not me/)
  await Promise.all(others)
  t.equal(stored.length, 1)
  t.match(blocks.stats(), { blocks: 1, blockBytes: diskBytesOf(50_000), reservedBytes: 0 })
}

export async function deletes(t: Test, { blocks }: Storage): Promise<void> {
  const held = [block(100), block(40_000), block(40_000), block(MIB)]
  await Promise.all(held.map(({ cid, bytes }) => blocks.put(cid, bytes)))
  const [small, one, two, large] = held.map(({ cid }) => cid.multihash.bytes)
  if (!small || !one || !two || !large) throw new Error('four blocks')
  const absent = block(7).cid.multihash.bytes
  const told: Uint8Array[] = []
  const stopListening = blocks.onDeleted(hashes => {
    t.equal(blocks.stats().blocks, 2, 'told of once they are gone')
    told.push(...hashes)
  })
  t.equal(await blocks.delete([small, absent, one]), diskBytesOf(100) + diskBytesOf(40_000))
  stopListening()
  same(told, [small, absent, one])
  t.equal(await blocks.delete([small, absent]), 0, 'absent ones are ignored')
  t.match(blocks.stats(), { blocks: 2, blockBytes: diskBytesOf(40_000) + diskBytesOf(MIB) })

  const again = held[2]
  if (!again) throw new Error('four blocks')
  const deleting = blocks.delete([two])
  t.notOk(blocks.has(again.cid), 'gone from the moment its delete begins')
  const putting = blocks.put(again.cid, again.bytes)
  await Promise.all([deleting, putting])
  t.equal(compare(await blocks.get(again.cid), again.bytes), 0, 'and a put from then on stores it anew')
  t.equal(blocks.stats().blocks, 2)
}

export async function lists(t: Test, { blocks }: Storage): Promise<void> {
  const held = Array.from({ length: 30 }, (_, i) => block(i * 3000))
  await Promise.all(held.map(({ cid, bytes }) => blocks.put(cid, bytes)))
  const expected = held
    .map(({ cid, bytes }) => ({ hash: cid.multihash.bytes, size: bytes.length }))
    .sort((a, b) => compare(a.hash, b.hash))
  const pages = []
  for (let after: Uint8Array | undefined; ; ) {
    const page = blocks.list({ after, limit: 7 })
    if (page.length === 0) break
    t.ok(page.length <= 7)
    pages.push(...page)
    after = page.at(-1)?.hash
  }
  same(
    pages.map(({ hash }) => hash),
    expected.map(({ hash }) => hash),
  )
  t.same(
    pages.map(({ size }) => size),
    expected.map(({ size }) => size),
  )
  t.equal(blocks.list().length, 30)
}

/** Takes all room there is but `bytes`. */
async function leaveRoom({ blocks }: Storage, bytes: number): Promise<Reservation> {
  return blocks.reserve(blocks.stats().roomBytes - bytes)
}

export async function quota(t: Test, storage: Storage): Promise<void> {
  const { blocks } = storage
  const rest = await leaveRoom(storage, MIB)
  const held = Array.from({ length: 40 }, () => block(60_000))
  const outcomes = await Promise.allSettled(held.map(({ cid, bytes }) => blocks.put(cid, bytes)))
  const failures = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? outcome.reason : []))
  const fit = outcomes.length - failures.length
  const most = Math.floor(MIB / diskBytesOf(60_000))
  t.ok(
    fit <= most && fit >= most - 2,
    `${fit} of ${most}: files have names and the file system notes where they lie`,
  )
  for (const failure of failures) t.equal(failure.code, 'STORAGE_FULL')
  const { maxBytes } = blocks.stats()
  t.throws(() => blocks.checkCapacity(maxBytes + 1), { code: 'STORAGE_FULL' })
  blocks.checkCapacity(maxBytes / 4)
  const asked = new RegExp(`${diskBytesOf(60_000)} bytes.*of ${maxBytes}`)
  t.match(failures[0].message, asked, 'names what was asked')
  t.match(blocks.stats(), { blocks: fit, blockBytes: fit * diskBytesOf(60_000), reservedBytes: rest.bytes })
  const [first, second] = held
  if (!first || !second) throw new Error('blocks')
  await blocks.put(first.cid, first.bytes)
  await blocks.delete([first.cid.multihash.bytes, second.cid.multihash.bytes])
  await blocks.put(first.cid, first.bytes)
  t.equal(blocks.stats().blocks, fit - 1, 'what a delete frees can be used again')
  rest.release()
}

export async function reservations(t: Test, storage: Storage): Promise<void> {
  const { blocks } = storage
  const rest = await leaveRoom(storage, MIB)
  const reservation = await blocks.reserve(900_000)
  t.equal(reservation.bytes, 900_000)
  await t.rejects(blocks.reserve(200_000), { code: 'STORAGE_FULL' })
  const other = block(200_000)
  await t.rejects(
    blocks.put(other.cid, other.bytes),
    { code: 'STORAGE_FULL' },
    'what is reserved is not free',
  )
  await blocks.put(other.cid, other.bytes, { reservation })
  const left = 900_000 - diskBytesOf(200_000)
  t.equal(reservation.bytes, left, 'a put takes from it')
  t.match(blocks.stats(), { blockBytes: diskBytesOf(200_000), reservedBytes: rest.bytes + left })
  await blocks.put(other.cid, other.bytes, { reservation })
  t.equal(reservation.bytes, left, 'a put of what is held takes nothing')
  const small = block(20_000)
  await blocks.put(small.cid, small.bytes, { reservation })
  t.equal(reservation.bytes, left - diskBytesOf(20_000), 'a small block takes from it, too')
  reservation.release()
  reservation.release()
  t.match(blocks.stats(), { reservedBytes: rest.bytes })

  const tiny = await blocks.reserve(10)
  const more = block(100_000)
  await blocks.put(more.cid, more.bytes, { reservation: tiny })
  tiny.release()
  t.equal(
    blocks.stats().reservedBytes,
    rest.bytes,
    'a put that was given too little reserves what it needs itself',
  )
  rest.release()
}

export async function evicts(t: Test, storage: Storage): Promise<void> {
  const { blocks } = storage
  const rest = await leaveRoom(storage, MIB)
  const asked: number[] = []
  const read: Uint8Array[] = []
  const queue: Uint8Array[] = []
  const detach = blocks.attachEvictor({
    async evict(bytes) {
      asked.push(bytes)
      let freedBytes = 0
      while (freedBytes < bytes && queue.length > 0) freedBytes += await blocks.delete(queue.splice(0, 1))
      return freedBytes
    },
    read: hash => read.push(hash),
    stored: hash => queue.push(hash),
  })
  t.throws(() => blocks.attachEvictor(listener({})), /attached already/)
  const held = Array.from({ length: 30 }, () => block(100_000))
  for (const { cid, bytes } of held) {
    await blocks.put(cid, bytes)
    const { usedBytes, maxBytes } = blocks.stats()
    t.ok(usedBytes <= maxBytes)
  }
  const last = held.at(-1)
  if (!last) throw new Error('blocks')
  t.ok(blocks.has(last.cid))
  t.ok(asked.length > 0)
  await blocks.get(last.cid)
  t.same(read, [last.cid.multihash.bytes])
  const before = asked.length
  await t.rejects(blocks.reserve(blocks.stats().maxBytes + 1), { code: 'STORAGE_FULL' })
  t.equal(asked.length, before, 'nothing is evicted for what can never fit')
  detach()
  await t.rejects(blocks.reserve(900_000), { code: 'STORAGE_FULL' })
  t.equal(asked.length, before, 'a detached evictor is not asked')
  rest.release()
}

export async function aborts(t: Test, storage: Storage): Promise<void> {
  const { blocks, probe } = storage
  const signal = AbortSignal.abort(new Error('enough'))
  const { cid, bytes } = block(100)
  await t.rejects(blocks.put(cid, bytes, { signal }), /enough/)
  await t.rejects(blocks.get(cid, { signal }), /enough/)
  await t.rejects(blocks.reserve(1, { signal }), /enough/)
  await t.rejects(probe({ signal }), /enough/)
  t.match(blocks.stats(), { blocks: 0, reservedBytes: 0 })

  const held = Promise.withResolvers<number>()
  const entered = Promise.withResolvers<void>()
  const detach = blocks.attachEvictor(
    listener({
      evict: () => {
        entered.resolve()
        return held.promise
      },
    }),
  )
  const filler = await leaveRoom(storage, 0)
  const controller = new AbortController()
  const first = blocks.reserve(100_000, { signal: controller.signal })
  await entered.promise
  const second = blocks.reserve(50_000)
  controller.abort(new Error('enough'))
  filler.release()
  held.resolve(0)
  await t.rejects(first, /enough/)
  t.equal((await second).bytes, 50_000, 'an abort lets the next in')
  detach()
}

/** Small and large blocks, so that both ways of keeping them see every step. */
export async function randomHistory(t: Test, storage: Storage): Promise<void> {
  const { blocks } = storage
  const rest = await leaveRoom(storage, 3 * MIB)
  const pool = [10, 3000, 31_000, 33_000, 33_000, 70_000, 70_000, 300_000, MIB].map(size => block(size))
  const pick = fc.nat(pool.length - 1)
  const step = fc.oneof(
    fc.record({ put: fc.array(pick, { maxLength: 5 }) }),
    fc.record({ get: pick }),
    fc.record({ remove: fc.array(pick, { maxLength: 3 }) }),
    fc.record({ reserve: fc.nat(2 * MIB) }),
    fc.record({ release: fc.nat(3) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async steps => {
      const held = new Set<number>()
      const reserved: Reservation[] = []
      const at = (i: number) => pool[i] ?? block(0)
      const used = () => [...held].reduce((sum, i) => sum + diskBytesOf(at(i).bytes.length), 0)
      const promised = () => rest.bytes + reserved.reduce((sum, { bytes }) => sum + bytes, 0)
      for (const step of steps) {
        const { roomBytes } = blocks.stats()
        if ('put' in step) {
          for (const i of step.put) {
            const { cid, bytes } = at(i)
            const fits = held.has(i) || diskBytesOf(bytes.length) <= blocks.stats().roomBytes
            const code = await blocks.put(cid, bytes).then(
              () => undefined,
              error => error.code,
            )
            // Free pages of the index, and a free slot of just its size, are room that no sum tells.
            if (code !== undefined && (code !== 'STORAGE_FULL' || fits))
              throw new Error(`put said ${code}, fits: ${fits}`)
            if (code === undefined) held.add(i)
          }
        } else if ('get' in step) {
          const { cid, bytes } = at(step.get)
          const got = await blocks.get(cid).catch(error => error.code)
          if (held.has(step.get)) same([got], [bytes])
          else if (got !== 'BLOCK_NOT_FOUND') throw new Error(`get of an absent block gave ${got}`)
        } else if ('remove' in step) {
          const gone = new Set(step.remove.filter(i => held.has(i)))
          const expected = [...gone].reduce((sum, i) => sum + diskBytesOf(at(i).bytes.length), 0)
          const freedBytes = await blocks.delete(step.remove.map(i => at(i).cid.multihash.bytes))
          if (freedBytes !== expected) throw new Error(`freed ${freedBytes}, not ${expected}`)
          for (const i of gone) held.delete(i)
        } else if ('reserve' in step) {
          const reservation = await blocks.reserve(step.reserve).catch(() => undefined)
          if (step.reserve <= roomBytes && !reservation)
            throw new Error(`reserve of ${step.reserve} of ${roomBytes}`)
          if (reservation) reserved.push(reservation)
        } else reserved.splice(step.release, 1)[0]?.release()

        const stats = blocks.stats()
        if (stats.blocks !== held.size) throw new Error(`${stats.blocks} blocks, not ${held.size}`)
        if (stats.blockBytes !== used()) throw new Error(`${stats.blockBytes} used, not ${used()}`)
        if (stats.reservedBytes !== promised()) throw new Error(`${stats.reservedBytes} reserved`)
        if (stats.usedBytes > stats.maxBytes) throw new Error(`${stats.usedBytes} of ${stats.maxBytes}`)
      }
      for (const reservation of reserved) reservation.release()
      await blocks.delete(pool.map(({ cid }) => cid.multihash.bytes))
    }),
    { numRuns: 25 },
  )
  t.match(blocks.stats(), { blocks: 0, blockBytes: 0, reservedBytes: rest.bytes })
  rest.release()
}

function listener(part: Partial<Evictor>): Evictor {
  return { evict: async () => 0, read: () => undefined, stored: () => undefined, ...part }
}
