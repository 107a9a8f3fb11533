import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { create as createDigest } from 'multiformats/hashes/digest'
import t from 'tap'
import { cidOf, MAX_BLOCK_BYTES } from '../../../core/content/hashes.ts'
import { defineErrors } from '../../../core/errors.ts'
import { storageError } from '../../../core/storage/errors.ts'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import type { Storage } from '../../../core/storage/storage.ts'
import {
  aborted,
  createTestNode,
  exchangeSession,
  exchangeWith,
  pattern,
} from '../../helpers/content-node.ts'

const MIB = 1024 * 1024
const tooLarge = defineErrors({ BLOCK_OVER_HINT: 'Fetch it without a hint.' })
const bytes = pattern(1000)
const cid = cidOf(raw.code, bytes)

async function storageWith(...blocks: Uint8Array[]): Promise<Storage> {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  for (const block of blocks) await storage.blocks.put(cidOf(raw.code, block), block)
  return storage
}

t.test('a held block comes from here, without an exchange', async t => {
  const node = createTestNode({ storage: await storageWith(bytes) })
  await using session = node.blocks.session(cid)
  t.ok(node.blocks.has(cid))
  t.same(await session.get(cid), bytes)
})

t.test('a missing block without an exchange says so', async t => {
  const node = createTestNode()
  await using session = node.blocks.session(cid)
  await t.rejects(session.get(cid), { code: 'CONTENT_UNAVAILABLE', message: /no exchange runs/ })
  t.equal(node.memory.usedBytes, 0)
  t.equal(node.storage.blocks.stats().reservedBytes, 0)
})

t.test('a fetched block is stored, and the next get takes it from here', async t => {
  const node = createTestNode()
  const exchange = exchangeWith(await storageWith(bytes))
  node.blocks.attachExchange(exchange)
  await using session = node.blocks.session(cid)
  t.same(await session.get(cid), bytes)
  t.ok(node.blocks.has(cid))
  t.same(await session.get(cid), bytes)
  t.same(exchange.fetched, [cid.toString()])
  t.equal(node.memory.usedBytes, 0)
  t.equal(node.storage.blocks.stats().reservedBytes, 0)
})

t.test('what a parent claims too little for is fetched again, with memory for all of it', async t => {
  const large = pattern(MIB)
  const source = await storageWith(large)
  const node = createTestNode()
  const leased: number[] = []
  node.blocks.attachExchange({
    session: () =>
      exchangeSession(async (wanted, { sizeHint, makeRoom } = {}) => {
        await makeRoom?.()
        leased.push(node.memory.usedBytes)
        if (sizeHint !== undefined && sizeHint < MIB) throw tooLarge('BLOCK_OVER_HINT', 'a megabyte')
        return source.blocks.get(wanted)
      }),
  })
  const largeCid = cidOf(raw.code, large)
  await using session = node.blocks.session(largeCid)
  t.same(await session.get(largeCid, { sizeHint: 10 }), large)
  t.same(leased, [10, MAX_BLOCK_BYTES])
  t.equal(node.memory.usedBytes, 0)
  t.equal(node.storage.blocks.stats().reservedBytes, 0)
})

t.test(
  'a block that is only ensured is stored, and its memory given back unless somebody reads it',
  async t => {
    const large = pattern(MIB)
    const source = await storageWith(large)
    const largeCid = cidOf(raw.code, large)
    const sent: Uint8Array[] = []
    const node = createTestNode()
    node.blocks.attachExchange({
      session: () =>
        exchangeSession(async wanted => {
          await nextTurn()
          const block = new Uint8Array(await source.blocks.get(wanted))
          sent.push(block)
          return block
        }),
    })
    await using session = node.blocks.session(largeCid)
    t.equal(await session.ensure(largeCid), MIB)
    t.equal(sent[0]?.byteLength, 0, 'nobody read it')
    t.equal(await session.ensure(largeCid), MIB, 'and it is held')

    await node.storage.blocks.delete([largeCid.multihash.bytes])
    const [size, read] = await Promise.all([session.ensure(largeCid), session.get(largeCid)])
    t.equal(size, MIB)
    t.same(read, large, 'who reads has the bytes')
    t.equal(sent.length, 2, 'by one fetch for both')
  },
)

t.test('what the exchange says of a block nobody has', async t => {
  const node = createTestNode()
  const detach = node.blocks.attachExchange(exchangeWith(await storageWith()))
  await using session = node.blocks.session(cid)
  await t.rejects(session.get(cid), { code: 'CONTENT_UNAVAILABLE', message: /asked 1 peer/ })
  detach()
  await t.rejects(session.get(cid), { message: /no exchange runs/ })
})

t.test('gets of one block at the same time share a fetch, across sessions', async t => {
  const node = createTestNode()
  const { promise: arrival, resolve: arrive } = Promise.withResolvers<void>()
  const exchange = exchangeWith(await storageWith(bytes), () => arrival)
  node.blocks.attachExchange(exchange)
  const first = node.blocks.session(cid)
  await using second = node.blocks.session(cid)
  const gets = [first.get(cid), first.get(cid)]
  const kept = second.get(cid)
  // The first session leaves; its fetch goes on for the second.
  const closed = gets.map(get => t.rejects(get, /session of .* is closed/))
  await first[Symbol.asyncDispose]()
  await Promise.all(closed)
  arrive()
  t.same(await kept, bytes)
  t.equal(exchange.fetched.length, 1)
  t.equal(exchange.open, 0, 'the session that fetched is closed once its fetch is over')
})

t.test('a fetch stops when the last that waits gives up, and can be asked for anew', async t => {
  const node = createTestNode()
  const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>()
  const { promise: stopped, resolve: onStopped } = Promise.withResolvers<void>()
  let stalls = true
  const exchange = exchangeWith(await storageWith(bytes), async (_cid, signal) => {
    onAsked()
    if (stalls) await aborted(signal).finally(onStopped)
  })
  node.blocks.attachExchange(exchange)
  await using session = node.blocks.session(cid)
  const first = new AbortController()
  const second = new AbortController()
  const one = t.rejects(session.get(cid, { signal: first.signal }), /first gives up/)
  const other = t.rejects(session.get(cid, { signal: second.signal }), /second gives up/)
  await asked
  first.abort(new Error('first gives up'))
  await one
  second.abort(new Error('second gives up'))
  await other
  await stopped
  stalls = false
  t.same(await session.get(cid), bytes)
  t.equal(exchange.fetched.length, 2)
  t.equal(node.memory.usedBytes, 0)
})

t.test(
  'who comes to read a block that is only wanted to be held has its bytes, whenever that is',
  async t => {
    const blocks = Array.from({ length: 60 }, (_, at) => pattern(40_000, at + 1))
    const node = createTestNode()
    node.blocks.attachExchange(exchangeWith(await storageWith(...blocks), async () => {}))
    await using session = node.blocks.session(cid)
    for (const [at, block] of blocks.entries()) {
      const wanted = cidOf(0x55, block)
      const held = session.ensure(wanted)
      for (let turn = 0; turn < at; turn++) await null
      t.ok(Buffer.from(block).equals(await session.get(wanted)), `after ${at} microtasks`)
      t.equal(await held, block.length)
    }
  },
)

t.test('a fetch waits for memory and holds no more than its turn', async t => {
  const blocks = Array.from({ length: 8 }, (_, at) => pattern(1000, at + 1))
  const node = createTestNode({ memoryBytes: 3_000 })
  let most = 0
  const exchange = exchangeWith(await storageWith(...blocks), async () => {
    most = Math.max(most, node.memory.usedBytes)
    await nextTurn()
  })
  node.blocks.attachExchange(exchange)
  await using session = node.blocks.session(cid)
  await Promise.all(blocks.map(block => session.get(cidOf(raw.code, block), { sizeHint: 1000 })))
  t.equal(most, 3_000)
})

t.test('room is taken when the exchange asks, and given back while a peer puts the block off', async t => {
  const source = await storageWith(bytes)
  const node = createTestNode()
  const held: number[] = []
  node.blocks.attachExchange({
    session: () =>
      exchangeSession(async (wanted, { makeRoom } = {}) => {
        const note = () => held.push(node.memory.usedBytes, node.storage.blocks.stats().reservedBytes)
        note()
        const giveBack = await makeRoom?.()
        note()
        giveBack?.()
        note()
        await makeRoom?.()
        return source.blocks.get(wanted)
      }),
  })
  await using session = node.blocks.session(cid)
  t.same(await session.get(cid, { sizeHint: 1000 }), bytes)
  const reservedBytes = held[3] ?? 0
  t.ok(reservedBytes >= 1000)
  t.same(held, [0, 0, 1000, reservedBytes, 0, 0])
  t.equal(node.memory.usedBytes, 0)
  t.equal(node.storage.blocks.stats().reservedBytes, 0)
})

t.test('no room on disk: refused before anything is asked for', async t => {
  const node = createTestNode({ maxBytes: MIB })
  const exchange = exchangeWith(await storageWith(bytes))
  node.blocks.attachExchange(exchange)
  await using session = node.blocks.session(cid)
  await t.rejects(session.get(cid), { code: 'STORAGE_FULL' }, 'of unknown size: the largest there is')
  t.same(exchange.fetched, [])
  t.same(await session.get(cid, { sizeHint: 1000 }), bytes)
})

t.test('a hash function that is not accepted is never asked for', async t => {
  const node = createTestNode()
  const exchange = exchangeWith(await storageWith())
  node.blocks.attachExchange(exchange)
  const sha1 = CID.createV1(raw.code, createDigest(0x11, createHash('sha1').update(bytes).digest()))
  await using session = node.blocks.session(sha1)
  await t.rejects(session.get(sha1), { code: 'CID_INVALID' })
  t.same(exchange.fetched, [])
})

/** A store that holds `cid` but finds it damaged until it is put anew. */
async function damagedStorage(): Promise<Storage> {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  await storage.blocks.put(cid, bytes)
  const { get } = storage.blocks
  let isDamaged = true
  storage.blocks.get = async (wanted, options) => {
    if (!isDamaged) return get.call(storage.blocks, wanted, options)
    isDamaged = false
    await storage.blocks.delete([wanted.multihash.bytes])
    throw storageError('BLOCK_CORRUPT', `block ${wanted} is damaged`)
  }
  return storage
}

t.test('a damaged block is fetched anew', async t => {
  const node = createTestNode({ storage: await damagedStorage() })
  const exchange = exchangeWith(await storageWith(bytes))
  node.blocks.attachExchange(exchange)
  await using session = node.blocks.session(cid)
  t.same(await session.get(cid), bytes)
  t.same(exchange.fetched, [cid.toString()])
  t.ok(node.blocks.has(cid))
})

t.test('a damaged block that nobody has is corrupt content', async t => {
  const node = createTestNode({ storage: await damagedStorage() })
  node.blocks.attachExchange(exchangeWith(await storageWith()))
  await using session = node.blocks.session(cid)
  await t.rejects(session.get(cid), { code: 'CONTENT_CORRUPT', message: /damaged here, and nobody has/ })
})

t.test('inlined content needs no block', async t => {
  const node = createTestNode()
  const inlined = CID.createV1(raw.code, createDigest(0, bytes.subarray(0, 128)))
  await using session = node.blocks.session(inlined)
  t.same(await session.get(inlined), bytes.subarray(0, 128))
})

t.test('a closed session gives nothing', async t => {
  const node = createTestNode({ storage: await storageWith(bytes) })
  const session = node.blocks.session(cid)
  await session[Symbol.asyncDispose]()
  await session[Symbol.asyncDispose]()
  await t.rejects(session.get(cid), /session of .* is closed/)
})

t.test('one exchange at a time', async t => {
  const node = createTestNode()
  const exchange = exchangeWith(await storageWith())
  const detach = node.blocks.attachExchange(exchange)
  t.throws(() => node.blocks.attachExchange(exchange), /attached already/)
  detach()
  detach()
  node.blocks.attachExchange(exchange)
})

t.test('the largest block there may be', async t => {
  const block = pattern(MAX_BLOCK_BYTES)
  const node = createTestNode()
  node.blocks.attachExchange(exchangeWith(await storageWith(block)))
  await using session = node.blocks.session(cidOf(raw.code, block))
  t.same((await session.get(cidOf(raw.code, block))).length, MAX_BLOCK_BYTES)
})

const small = Array.from({ length: 40 }, (_, at) => pattern(500 + at, at + 1))
const wanted = small.map(block => ({ cid: cidOf(raw.code, block), sizeHint: block.length }))

t.test('many small blocks share a fetch and its room, and each is told of once it is held', async t => {
  const node = createTestNode()
  const source = await storageWith(...small)
  const [first] = wanted
  await node.storage.blocks.put((first as { cid: CID }).cid, small[0] as Uint8Array)
  const fetches: number[] = []
  const reserved: number[] = []
  node.blocks.attachExchange({
    session: () => ({
      fetch: () => Promise.reject(new Error('one by one')),
      async fetchAll(blocks, { makeRoom, onBlock }) {
        fetches.push(blocks.length)
        await makeRoom?.()
        reserved.push(node.memory.usedBytes, node.storage.blocks.stats().reservedBytes)
        for (const block of blocks) onBlock(block, await source.blocks.get(block.cid))
      },
      async [Symbol.asyncDispose]() {},
    }),
  })
  await using session = node.blocks.session(cid)
  const held = new Map<string, number>()
  await session.ensureAll(wanted, {
    onHeld(block, length) {
      t.ok(node.blocks.has(block.cid))
      held.set(block.cid.toString(), length)
    },
  })
  t.same(fetches, [39], 'what is held is not fetched')
  const fetchedBytes = small.slice(1).reduce((sum, { length }) => sum + length, 0)
  t.equal(reserved[0], fetchedBytes)
  t.ok((reserved[1] ?? 0) >= fetchedBytes)
  t.same([...held.values()].sort(), small.map(({ length }) => length).sort())
  t.equal(node.memory.usedBytes, 0)
  t.equal(node.storage.blocks.stats().reservedBytes, 0)
})

t.test('what came before one of many failed is kept, and what is large comes by itself', async t => {
  const node = createTestNode()
  const large = pattern(MIB)
  const absent = { cid: cidOf(raw.code, pattern(300, 99)), sizeHint: 300 }
  const missing = Promise.withResolvers<void>()
  const exchange = exchangeWith(await storageWith(...small, large), async fetched => {
    if (fetched.equals(absent.cid)) await missing.promise
  })
  node.blocks.attachExchange(exchange)
  await using session = node.blocks.session(cid)
  let count = 0
  const ensured = session.ensureAll([...wanted, { cid: cidOf(raw.code, large), sizeHint: MIB }, absent], {
    onHeld() {
      count += 1
      if (count === wanted.length + 1) missing.resolve()
    },
  })
  await t.rejects(ensured, { code: 'CONTENT_UNAVAILABLE', message: /asked 1 peer/ })
  t.equal(count, wanted.length + 1)
  t.ok(wanted.every(block => node.blocks.has(block.cid)))
  t.equal(node.memory.usedBytes, 0)
})

t.test('who comes for one of many waits for it, and asks himself where they are given up', async t => {
  const node = createTestNode()
  const asked = Promise.withResolvers<void>()
  let stalls = true
  const exchange = exchangeWith(await storageWith(...small), async (_cid, signal) => {
    asked.resolve()
    if (stalls) await aborted(signal)
  })
  node.blocks.attachExchange(exchange)
  await using session = node.blocks.session(cid)
  const stop = new AbortController()
  const many = t.rejects(session.ensureAll(wanted, { signal: stop.signal, onHeld() {} }), /enough/)
  await asked.promise
  const fetchesBefore = exchange.fetched.length
  const one = session.get((wanted[3] as { cid: CID }).cid)
  const other = session.ensure((wanted[4] as { cid: CID }).cid)
  await nextTurn()
  t.equal(exchange.fetched.length, fetchesBefore, 'nobody asks twice')
  stalls = false
  stop.abort(new Error('enough'))
  await many
  t.same(await one, small[3])
  t.equal(await other, (small[4] as Uint8Array).length)
})

t.test('where a parent claims too little for one of many, each has another chance', async t => {
  const node = createTestNode()
  const source = await storageWith(...small)
  node.blocks.attachExchange({
    session: () =>
      exchangeSession(async (block, { sizeHint, makeRoom } = {}) => {
        await makeRoom?.()
        const bytes = await source.blocks.get(block)
        if (sizeHint !== undefined && sizeHint < bytes.length)
          throw tooLarge('BLOCK_OVER_HINT', 'it is larger')
        return bytes
      }),
  })
  await using session = node.blocks.session(cid)
  let count = 0
  await session.ensureAll([{ ...(wanted[0] as { cid: CID }), sizeHint: 10 }, ...wanted.slice(1)], {
    onHeld() {
      count += 1
    },
  })
  t.equal(count, wanted.length)
  t.ok(wanted.every(block => node.blocks.has(block.cid)))
  t.equal(node.memory.usedBytes, 0)
})

t.test('many small blocks that the disk has no room for are refused before they are fetched', async t => {
  const node = createTestNode({ storage: createMemoryStorage({ maxBytes: 10_000 }) })
  const exchange = exchangeWith(await storageWith(...small))
  node.blocks.attachExchange(exchange)
  await using session = node.blocks.session(cid)
  await t.rejects(session.ensureAll(wanted, { onHeld() {} }), { code: 'STORAGE_FULL' })
  t.equal(exchange.fetched.length, 0)
  t.equal(node.memory.usedBytes, 0)
})
