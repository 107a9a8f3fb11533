import { peerIdFromString } from '@libp2p/peer-id'
import { CID } from 'multiformats/cid'
import { decode } from 'multiformats/hashes/digest'
import t from 'tap'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import type { Storage } from '../../../core/storage/storage.ts'
import { block } from '../../conformance/block-store.ts'
import { bytesOf, exchangeWith, fileOf, pattern, turnsUntil } from '../../helpers/content-node.ts'
import { MIB } from '../storage/stores.ts'
import { DAY_MS, HOUR_MS, quickClock, rot, rotInline, startVerified, type VerifiedNode } from './fixture.ts'

const PEER = peerIdFromString('12D3KooWGRUfPzXq3zLVYkUW2dbNwhAqYXEKhJq6wDUkVbkqzxoX')

/** Blocks of 1 MiB in segments and small ones in the index, pinned. */
async function fill(node: VerifiedNode): Promise<CID> {
  const { cid } = await node.content.add(fileOf(pattern(5 * MIB + 1000)))
  return cid
}

async function copyOf({ blocks }: Storage): Promise<Storage> {
  const copy = createMemoryStorage({ maxBytes: 128 * MIB })
  for (const { hash } of blocks.list()) {
    const cid = CID.createV1(0x55, decode(hash))
    await copy.blocks.put(cid, await blocks.get(cid))
  }
  return copy
}

/** Two large blocks, one small one; the last is left alone. */
async function damage(node: VerifiedNode): Promise<CID[]> {
  const { directory, storage } = node
  const entries = storage.blocks.list()
  const [first, second] = entries.filter(({ size }) => size === MIB)
  const small = entries.find(({ size }) => size === 1000)
  if (!first || !second || !small) throw new Error('blocks of both kinds')
  for (const { hash } of [first, second]) {
    rot(directory, await storage.blocks.get(CID.createV1(0x55, decode(hash))))
  }
  await rotInline(storage, small.hash)
  return [first, second, small].map(({ hash }) => CID.createV1(0x55, decode(hash)))
}

t.test('damage is found within one period, and repaired from a peer', async t => {
  const node = await startVerified(t)
  const root = await fill(node)
  node.blocks.attachExchange(exchangeWith(await copyOf(node.storage)))
  const bad = await damage(node)
  const { verification, clock } = node
  await node.until(() => verification.status().isDone && verification.list.size === 0)
  t.ok(clock.nowMs() <= 30 * DAY_MS, 'within the period')
  t.ok(clock.nowMs() >= 26 * DAY_MS, 'and not at once')
  t.match(verification.status(), { damaged: 3, repaired: 3, unrepaired: 0, share: 1, isLate: false })
  t.same(verification.health(), { status: 'ok' })
  for (const cid of bad) t.ok(node.storage.blocks.has(cid))
  t.equal(Buffer.compare(await bytesOf(node.content.cat(root.toString())), pattern(5 * MIB + 1000)), 0)
  t.equal(await node.metric('damaged_blocks_total'), 3)
  t.equal(await node.metric('repaired_blocks_total'), 3)
  t.equal(await node.metric('unrepaired_blocks'), 0)
  t.equal(await node.metric('pass_ratio'), 1)
  t.ok((await node.metric('verified_blocks_total')) >= 4)
  t.ok((await node.metric('last_pass_seconds')) > 0)
})

t.test(
  'what nobody has is listed, told, never served, kept over a restart, and repaired when a peer comes',
  async t => {
    const node = await startVerified(t)
    const root = await fill(node)
    const copy = await copyOf(node.storage)
    const bad = await damage(node)
    const { verification } = node
    await node.until(() => verification.status().isDone)
    t.equal(verification.list.size, 3)
    t.match(verification.health(), {
      status: 'degraded',
      reason: /^3 pinned blocks are damaged.*skep verify --list/,
    })
    for (const cid of bad) {
      t.notOk(node.storage.blocks.has(cid), 'it counts as absent')
      await t.rejects(node.storage.blocks.get(cid), { code: 'BLOCK_NOT_FOUND' })
    }
    await t.rejects(bytesOf(node.content.cat(root.toString())), { code: 'CONTENT_UNAVAILABLE' })
    t.match([...verification.list.entries()][0], { reason: /no exchange runs/ })
    await node.close()

    const again = await startVerified(t, { directory: node.directory, clock: quickClock(31 * DAY_MS) })
    t.equal(again.verification.list.size, 3, 'a restart forgets none')
    t.equal(again.verification.health().status, 'degraded')
    again.blocks.attachExchange(exchangeWith(copy))
    again.events.emit('peer:connected', { peer: PEER })
    await again.until(() => again.verification.list.size === 0)
    t.same(again.verification.health(), { status: 'ok' })
    for (const cid of bad) t.ok(again.storage.blocks.has(cid))
    await again.close()
    const last = await startVerified(t, { directory: node.directory, clock: quickClock(31 * DAY_MS) })
    t.equal(last.verification.list.size, 0)
  },
)

t.test('a peer that comes while it waits is asked at once', async t => {
  const node = await startVerified(t)
  await fill(node)
  const copy = await copyOf(node.storage)
  await damage(node)
  const { verification, clock } = node
  await node.until(() => verification.status().isDone)
  clock.limitMs = clock.nowMs()
  const repaired = node.until(() => verification.list.size === 0)
  await turnsUntil(() => [...verification.list.entries()].every(({ tries }) => tries > 0))
  node.blocks.attachExchange(exchangeWith(copy))
  node.events.emit('peer:connected', { peer: PEER })
  await repaired
  t.equal(verification.status().repaired, 3)
})

t.test('what no pin holds is dropped; what was unpinned leaves the list', async t => {
  const node = await startVerified(t)
  const loose = block(900_000)
  await node.storage.blocks.put(loose.cid, loose.bytes)
  const root = await fill(node)
  rot(node.directory, loose.bytes)
  await damage(node)
  const { verification } = node
  await node.until(() => verification.status().isDone)
  t.match(verification.status(), { damaged: 4, unrepaired: 3 })
  t.notOk(node.storage.blocks.has(loose.cid))
  await node.pins.remove(root)
  await node.until(() => verification.list.size === 0)
  t.equal(verification.status().repaired, 0)
  t.same(verification.health(), { status: 'ok' })
})

t.test('bytes with a sound checksum that are not what the hash says', async t => {
  const node = await startVerified(t)
  const [large, small] = [block(MIB), block(100)]
  for (const { cid, bytes } of [large, small])
    await node.storage.blocks.put(cid, Buffer.alloc(bytes.length, 1))
  await node.until(() => node.verification.status().isDone)
  t.equal(node.verification.status().damaged, 2)
  for (const { cid } of [large, small]) t.notOk(node.storage.blocks.has(cid))
})

t.test('a pinned block that is gone altogether is missed at the end of a pass', async t => {
  const node = await startVerified(t)
  const root = await fill(node)
  const copy = await copyOf(node.storage)
  const gone = node.storage.blocks.list({ limit: 2 })
  await node.storage.blocks.delete(gone.map(({ hash }) => hash))
  await node.until(() => node.verification.status().isDone)
  t.equal(node.verification.list.size, 2)
  t.equal(node.verification.status().damaged, 0)
  node.blocks.attachExchange(exchangeWith(copy))
  node.verification.list.retryAll()
  await node.until(() => node.verification.list.size === 0)
  t.equal((await bytesOf(node.content.cat(root.toString()))).length, 5 * MIB + 1000)
})

t.test('a pass goes on after a restart where it was', async t => {
  const node = await startVerified(t)
  await fill(node)
  await node.until(() => node.verification.status().blocks === 4)
  const before = node.verification.status()
  const wall = node.clock.nowMs()
  await node.close()

  const clock = quickClock(wall + HOUR_MS)
  const again = await startVerified(t, { directory: node.directory, clock })
  const after = again.verification.status()
  t.match(after, { blocks: 4, bytes: before.bytes, share: before.share })
  t.equal(Math.round((after.elapsedMs - before.elapsedMs) / HOUR_MS), 1, 'the time off counts')
  await again.until(() => again.verification.status().isDone)
  const { blocks } = again.storage.blocks.stats()
  t.match(again.verification.status().lastPass, { blocks })
  t.equal(await again.metric('verified_blocks_total'), blocks - 4, 'each once')
  await again.close()

  const third = await startVerified(t, { directory: node.directory, clock: quickClock(clock.nowMs()) })
  t.match(third.verification.status(), { isDone: true, share: 1, lastPass: { blocks } })
  await third.until(() => !third.verification.status().isDone)
  t.equal(third.verification.status().blocks, 0, 'the next pass begins when the period is over')
  t.ok(third.clock.nowMs() - clock.nowMs() < 4 * DAY_MS)
})

t.test('an idle node writes next to nothing', async t => {
  const node = await startVerified(t)
  await fill(node)
  let writes = 0
  for (const store of [node.storage.index, node.storage.bookkeeping]) {
    const write = store.write.bind(store)
    store.write = change => {
      writes += 1
      return write(change)
    }
  }
  const { verification, clock } = node
  await node.until(() => verification.status().isDone)
  const passWrites = writes
  t.ok(passWrites <= 10, `${passWrites} for a pass over 7 blocks`)
  const doneMs = clock.nowMs()
  await node.until(() => clock.nowMs() > doneMs + 2 * DAY_MS)
  t.equal(writes, passWrites, 'none while there is nothing to do')
})

t.test('it yields to transfers, and not for ever', async t => {
  const period = HOUR_MS
  const node = await startVerified(t, { config: { periodMs: period } })
  await fill(node)
  const { verification, clock, memory } = node
  const lease = await memory.lease(1000)
  await node.until(() => verification.status().blocks > 0)
  const { share } = verification.status()
  t.ok(clock.nowMs() - share * 0.9 * period >= 0.05 * period, 'late by as much as it may be')
  await node.until(() => verification.status().isDone)
  t.ok(clock.nowMs() <= period)
  lease.release()
})

t.test('health tells when the period can not be kept', async t => {
  const node = await startVerified(t, { config: { periodMs: 1000, maxBytesPerSecond: 64 * 1024 } })
  await fill(node)
  t.match(node.verification.health(), {
    status: 'degraded',
    reason: /can't be verified in the period at 64KiB\/s: raise plugins\.verification\.maxBytesPerSecond/,
  })
  await node.until(() => node.verification.status().lastPass !== undefined)
  t.ok(node.clock.nowMs() > 5000, 'the ceiling is kept nevertheless')
})

t.test('blocks are hashed as they are read, where the config says so', async t => {
  for (const [onRead, random, isFound] of [
    ['always', 0.9, true],
    ['sample', 0.01, true],
    ['sample', 0.5, false],
    ['never', 0, false],
  ] as const) {
    await t.test(`${onRead}, by chance ${random}`, async t => {
      const node = await startVerified(t, { config: { onRead }, random: () => random })
      const [good, bad] = [block(MIB), block(MIB)]
      await node.storage.blocks.put(good.cid, good.bytes)
      await node.storage.blocks.put(bad.cid, Buffer.alloc(MIB, 1))
      t.equal(Buffer.compare(await node.storage.blocks.get(good.cid), good.bytes), 0)
      if (isFound) {
        await t.rejects(node.storage.blocks.get(bad.cid), { code: 'BLOCK_CORRUPT' })
        t.equal(node.verification.status().damaged, 1)
      } else {
        await t.resolves(node.storage.blocks.get(bad.cid))
      }
    })
  }
})
