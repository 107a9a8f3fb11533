import { setImmediate as nextTurn } from 'node:timers/promises'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagPb from '@ipld/dag-pb'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { create as createDigest } from 'multiformats/hashes/digest'
import t, { type Test } from 'tap'
import { cidOf } from '../../../core/content/hashes.ts'
import { decodeCounts, nodeKey } from '../../../core/content/pin-records.ts'
import { UNIXFS_V1_2025 } from '../../../core/content/profile.ts'
import { linksOf } from '../../../core/content/walk.ts'
import { createMemoryStorage } from '../../../core/storage/memory.ts'
import type { Storage } from '../../../core/storage/storage.ts'
import {
  aborted,
  createTestNode,
  exchangeWith,
  fileOf,
  pattern,
  type TestNode,
  turnsUntil,
  unavailable,
} from '../../helpers/content-node.ts'
import { arbitraryDag, type Dag, makeDag } from '../../helpers/dag.ts'

const MIB = 1024 * 1024
const tiny = { ...UNIXFS_V1_2025, chunkBytes: 16, maxLinks: 3 }
const text = (cid: CID): string => Buffer.from(nodeKey(cid)).toString('hex')

t.test('what pins hold comes in pages', async t => {
  const node = createTestNode({ profile: tiny })
  await node.content.add(fileOf(pattern(100)), { pin: false })
  t.same(node.pins.hashes(), [])
  await node.content.add(fileOf(pattern(200, 7)))
  const held = node.storage.blocks.list().flatMap(({ hash }) => (node.pins.holds(hash) ? [hash] : []))
  t.ok(held.length > 15)
  const pages: Uint8Array[] = []
  for (let page = node.pins.hashes({ limit: 4 }); page.length > 0; ) {
    pages.push(...page)
    page = node.pins.hashes({ limit: 4, after: page.at(-1) as Uint8Array })
  }
  t.same(pages, held)
})

/** Counts as the definition says: pinned parents, each once, and 1 for a pin. */
async function naiveCounts({ storage }: Dag, roots: Iterable<CID>): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  const queue = [...roots]
  for (let cid = queue.pop(); cid; cid = queue.pop()) {
    counts[text(cid)] = (counts[text(cid)] ?? 0) + 1
    if (counts[text(cid)] !== 1) continue
    queue.push(...linksOf(cid, await storage.blocks.get(cid)).map(link => link.cid))
  }
  return counts
}

function countsOf({ storage }: TestNode): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const [hash, bytes] of storage.index.bucket('pin-counts').entries()) {
    const digest = createDigest(hash[0] ?? 0, hash.subarray(2))
    for (const { codec, count } of decodeCounts(bytes)) counts[text(CID.createV1(codec, digest))] = count
  }
  return counts
}

function assertEmpty(t: Test, { storage }: TestNode): void {
  for (const name of ['pin-counts', 'pin-links', 'pin-queue', 'pin-roots']) {
    t.equal(storage.index.bucket(name).size(), 0, name)
  }
}

t.test('property: counts are what a recount gives, whatever is pinned and unpinned', async t => {
  await fc.assert(
    fc.asyncProperty(
      arbitraryDag,
      fc.array(fc.tuple(fc.boolean(), fc.nat(24)), { maxLength: 12 }),
      async (links, steps) => {
        const dag = await makeDag(links)
        const node = createTestNode()
        node.blocks.attachExchange(exchangeWith(dag.storage))
        const pinned = new Map<string, CID>()
        for (const [isPin, at] of steps) {
          const cid = dag.cids[at % dag.cids.length]
          if (!cid) continue
          if (isPin) {
            await node.pins.add(cid)
            pinned.set(text(cid), cid)
          } else if (pinned.delete(text(cid))) await node.pins.remove(cid)
          else await t.rejects(node.pins.remove(cid), { code: 'NOT_PINNED' })
          t.same(countsOf(node), await naiveCounts(dag, pinned.values()))
        }
        const expected = new Set([...pinned.keys()])
        t.same(new Set([...node.pins.list()].map(({ cid }) => text(cid))), expected)
        for (const cid of pinned.values()) await node.pins.remove(cid)
        assertEmpty(t, node)
        for (const cid of dag.cids) t.notOk(node.pins.holds(cid.multihash.bytes))
      },
    ),
    { numRuns: 60 },
  )
})

t.test('property: pins and unpins at the same time', async t => {
  await fc.assert(
    fc.asyncProperty(arbitraryDag, fc.array(fc.nat(24), { maxLength: 8 }), async (links, targets) => {
      const dag = await makeDag(links)
      const node = createTestNode()
      node.blocks.attachExchange(exchangeWith(dag.storage, () => nextTurn()))
      const roots = new Set(
        targets.map(at => dag.cids[at % dag.cids.length]).filter(cid => cid !== undefined),
      )
      await Promise.all([...roots].map(cid => node.pins.add(cid)))
      t.same(countsOf(node), await naiveCounts(dag, roots))
      const [kept, ...others] = roots
      const again = others.map(cid => Promise.all([node.pins.remove(cid), kept && node.pins.add(kept)]))
      await Promise.all(again)
      t.same(countsOf(node), await naiveCounts(dag, kept ? [kept] : []))
    }),
    { numRuns: 60 },
  )
})

/** A storage whose environments fail for good from the write number `writes` on, as when the power goes. */
function failingAfter(storage: Storage, writes: number): Storage {
  let left = writes
  const guard = (store: Storage['index']): Storage['index'] => ({
    bucket: name => store.bucket(name),
    async write(change) {
      left -= 1
      if (left < 0) throw new Error('the power is gone')
      return store.write(change)
    },
  })
  return { ...storage, index: guard(storage.index), vault: guard(storage.vault) }
}

t.test('property: a kill between any two writes is made good at the next start', async t => {
  await fc.assert(
    fc.asyncProperty(arbitraryDag, fc.nat(20), fc.nat(24), fc.nat(24), async (links, writes, one, other) => {
      const dag = await makeDag(links)
      const storage = createMemoryStorage({ maxBytes: 64 * MIB })
      const first = dag.cids[one % dag.cids.length]
      const second = dag.cids[other % dag.cids.length]
      if (!first || !second) return
      const killed = createTestNode({ storage: failingAfter(storage, writes) })
      killed.blocks.attachExchange(exchangeWith(dag.storage))
      try {
        await killed.pins.add(first)
        await killed.pins.add(second)
        await killed.pins.remove(first)
        await killed.pins.add(first)
        await killed.pins.remove(second)
      } catch (error) {
        t.match(error, /the power is gone/)
      }
      const node = createTestNode({ storage })
      node.blocks.attachExchange(exchangeWith(dag.storage))
      await node.pins.start()
      await turnsUntil(() => [...node.pins.list()].every(({ state }) => state === 'pinned'))
      await turnsUntil(() => storage.index.bucket('pin-queue').size() === 0)
      const roots = [...node.pins.list()].map(({ cid }) => cid)
      t.same(countsOf(node), await naiveCounts(dag, roots))
      for (const cid of roots) for (const held of await reachable(dag, cid)) t.ok(node.blocks.has(held))
      await node.pins.stop()
    }),
    { numRuns: 100 },
  )
})

async function reachable(dag: Dag, root: CID): Promise<CID[]> {
  const keys = Object.keys(await naiveCounts(dag, [root]))
  return dag.cids.filter(cid => keys.includes(text(cid)))
}

t.test('a stop midway keeps what was fetched, and the next start goes on with the rest', async t => {
  const source = createTestNode({ profile: tiny })
  const { cid } = await source.content.add(fileOf(pattern(500)))
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  const node = createTestNode({ storage })
  let left = 10
  const stalling = exchangeWith(source.storage, (_cid, signal) => (left-- > 0 ? undefined : aborted(signal)))
  node.blocks.attachExchange(stalling)
  const adding = t.rejects(node.pins.add(cid, { name: 'mine' }), /the node stops/)
  await turnsUntil(() => storage.blocks.stats().blocks === 10)
  t.match(node.pins.get(cid), { state: 'pinning', name: 'mine' })
  t.same(node.pins.counts(), { pinned: 0, pinning: 1 })
  for (const { hash } of storage.blocks.list()) t.ok(node.pins.holds(hash))
  await Promise.all([node.pins.stop(), adding])

  const again = createTestNode({ storage })
  const exchange = exchangeWith(source.storage)
  again.blocks.attachExchange(exchange)
  const pinned = new Promise(resolve => again.events.on('content:pinned', resolve))
  await again.pins.start()
  t.same(again.pins.counts(), { pinned: 0, pinning: 1 })
  await pinned
  t.match(again.pins.get(cid), { state: 'pinned', name: 'mine' })
  t.same(again.pins.counts(), { pinned: 1, pinning: 0 })
  const { blocks } = source.storage.blocks.stats()
  t.equal(exchange.fetched.length, blocks - 10, 'nothing that was held is fetched again')
  await again.pins.stop()
})

t.test('an abort leaves the pin as pinning; adding it again goes on', async t => {
  const source = createTestNode({ profile: tiny })
  const { cid } = await source.content.add(fileOf(pattern(200)))
  const node = createTestNode()
  const stop = new AbortController()
  const detach = node.blocks.attachExchange(
    exchangeWith(source.storage, (wanted, signal) => {
      if (wanted.code !== raw.code) return
      stop.abort(new Error('enough'))
      return aborted(signal)
    }),
  )
  await t.rejects(node.pins.add(cid, { signal: stop.signal }), /enough/)
  t.match(node.pins.get(cid), { state: 'pinning' })
  t.ok(node.pins.holds(cid.multihash.bytes))
  detach()
  node.blocks.attachExchange(exchangeWith(source.storage))
  t.match(await node.pins.add(cid), { state: 'pinned' })
  t.equal(node.memory.usedBytes, 0)
})

t.test('removing a pin ends the add that is making it', async t => {
  const source = createTestNode({ profile: tiny })
  const { cid } = await source.content.add(fileOf(pattern(200)))
  const node = createTestNode()
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
  const exchange = exchangeWith(source.storage, (wanted, signal) => {
    if (wanted.code !== raw.code) return
    ask()
    return aborted(signal)
  })
  node.blocks.attachExchange(exchange)
  const adding = t.rejects(node.pins.add(cid), { code: 'PIN_REMOVED' })
  await asked
  await node.pins.remove(cid)
  await adding
  t.equal(node.pins.get(cid), undefined)
  assertEmpty(t, node)
})

t.test('a block nobody has fails the pin, and what is here stays held', async t => {
  const dag = await makeDag([[], [], [], [0, 1], [2, 3]])
  const [missing, ...present] = dag.cids
  const root = dag.cids.at(-1)
  if (!missing || !root) throw new Error('unreachable')
  const node = createTestNode()
  for (const cid of present) await node.storage.blocks.put(cid, await dag.storage.blocks.get(cid))
  const detach = node.blocks.attachExchange(
    exchangeWith(dag.storage, wanted => Promise.reject(unavailable(wanted))),
  )
  await t.rejects(node.pins.add(root), { code: 'CONTENT_UNAVAILABLE', message: /asked 1 peer/ })
  t.match(node.pins.get(root), { state: 'pinning' })
  for (const cid of present) t.ok(node.pins.holds(cid.multihash.bytes))
  detach()
  const exchange = exchangeWith(dag.storage)
  node.blocks.attachExchange(exchange)
  t.match(await node.pins.add(root), { state: 'pinned' })
  t.same(exchange.fetched, [missing.toString()])
})

t.test('property: pinning again brings back just what was lost', async t => {
  const damage = fc.record({ lost: fc.array(fc.nat(24), { maxLength: 6 }), root: fc.nat(24) })
  await fc.assert(
    fc.asyncProperty(arbitraryDag, damage, async (links, { lost, root: at }) => {
      const dag = await makeDag(links)
      const root = dag.cids[at % dag.cids.length]
      if (!root) return
      const node = createTestNode()
      const detach = node.blocks.attachExchange(exchangeWith(dag.storage))
      await node.pins.add(root, { name: 'mine' })
      detach()
      const cids = await reachable(dag, root)
      const missing = new Set(lost.flatMap(index => cids[index % cids.length] ?? []))
      await node.storage.blocks.delete([...missing].map(cid => cid.multihash.bytes))

      if (missing.size > 0) await t.rejects(node.pins.add(root), { code: 'CONTENT_UNAVAILABLE' })
      t.match(node.pins.get(root), { state: missing.size > 0 ? 'pinning' : 'pinned', name: 'mine' })
      for (const cid of cids) t.ok(node.pins.holds(cid.multihash.bytes))
      const exchange = exchangeWith(dag.storage)
      node.blocks.attachExchange(exchange)
      t.match(await node.pins.add(root), { state: 'pinned', name: 'mine' })
      t.same(new Set(exchange.fetched), new Set([...missing].map(String)))
      t.equal(exchange.fetched.length, missing.size)
      for (const cid of cids) t.ok(node.storage.blocks.has(cid))
      t.same(countsOf(node), await naiveCounts(dag, [root]))
      t.same(node.pins.counts(), { pinned: 1, pinning: 0 })
      await node.pins.remove(root)
      assertEmpty(t, node)
    }),
    { numRuns: 60 },
  )
})

t.test('pinning what is whole reads no block and writes nothing', async t => {
  const node = createTestNode({ profile: tiny })
  const { cid } = await node.content.add(fileOf(pattern(2_000)), { pinName: 'mine' })
  const { index, vault, blocks } = node.storage
  for (const store of [index, vault]) store.write = () => Promise.reject(new Error('it was written to'))
  blocks.get = () => Promise.reject(new Error('a block was read'))
  t.match(await node.pins.add(cid, { name: 'mine' }), { state: 'pinned', name: 'mine' })
})

t.test('unpinning needs no block: damaged and missing ones are let go', async t => {
  const dag = await makeDag([[], [], [], [0, 1], [2, 3]])
  const root = dag.cids[4]
  if (!root) throw new Error('unreachable')
  const node = createTestNode()
  const detach = node.blocks.attachExchange(exchangeWith(dag.storage))
  await node.pins.add(root)
  detach()
  await node.storage.blocks.delete(dag.cids.map(cid => cid.multihash.bytes))
  await node.pins.remove(root)
  assertEmpty(t, node)
})

t.test('pinning a shared tree again touches only what is new', async t => {
  const source = createTestNode({ profile: tiny })
  const { cid: shared } = await source.content.add(fileOf(pattern(2_000)))
  const bytes = dagCbor.encode([shared])
  const parent = cidOf(dagCbor.code, bytes)
  await source.storage.blocks.put(parent, bytes)
  const node = createTestNode()
  node.blocks.attachExchange(exchangeWith(source.storage))
  await node.pins.add(shared)
  const reads: string[] = []
  const { get } = node.storage.blocks
  node.storage.blocks.get = (cid, options) => {
    reads.push(cid.toString())
    return get.call(node.storage.blocks, cid, options)
  }
  await node.pins.add(parent)
  t.same(reads, [])
  await node.pins.remove(shared)
  t.ok(node.pins.holds(cidOf(raw.code, pattern(16)).multihash.bytes), 'still held through its other parent')
  await node.pins.remove(parent)
  assertEmpty(t, node)
})

t.test('a shared tree whose blocks were damaged since is made whole with the next pin of it', async t => {
  const dag = await makeDag([[], [], [0, 1], [2], [2, 3]])
  const [leaf, , , first, second] = dag.cids
  if (!leaf || !first || !second) throw new Error('the DAG is too small')
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  const node = createTestNode({ storage })
  node.blocks.attachExchange(exchangeWith(dag.storage))
  await node.pins.start()
  await node.pins.add(first)
  const damage = () => t.rejects(storage.blocks.inspect(leaf.multihash.bytes, () => false))
  await damage()
  t.notOk(node.blocks.has(leaf))
  await node.pins.add(second)
  t.ok(node.blocks.has(leaf))
  await node.pins.remove(second)
  await turnsUntil(() => storage.index.bucket('pin-damaged').size() === 0)

  await damage()
  await turnsUntil(() => storage.index.bucket('pin-damaged').size() === 1)
  await node.pins.stop()
  const again = createTestNode({ storage })
  again.blocks.attachExchange(exchangeWith(dag.storage))
  await again.pins.start()
  await again.pins.add(second)
  t.ok(again.blocks.has(leaf), 'after a restart, too')
  await again.pins.remove(first)
  await again.pins.remove(second)
  await turnsUntil(() => storage.index.bucket('pin-damaged').size() === 0)
  assertEmpty(t, again)
  await again.pins.stop()
})

t.test('pinning what was just added reads no leaf', async t => {
  const node = createTestNode({ profile: tiny })
  const reads: number[] = []
  const { get } = node.storage.blocks
  node.storage.blocks.get = (cid, options) => {
    reads.push(cid.code)
    return get.call(node.storage.blocks, cid, options)
  }
  const { cid } = await node.content.add(fileOf(pattern(500)), { pinName: 'new' })
  t.match(node.pins.get(cid), { state: 'pinned', name: 'new' })
  t.notOk(reads.includes(raw.code))
})

t.test('many leaves are asked for at a time', async t => {
  const source = createTestNode({ profile: { ...tiny, maxLinks: 200 } })
  const { cid } = await source.content.add(fileOf(pattern(16 * 400)))
  const node = createTestNode()
  let inFlight = 0
  let most = 0
  const exchange = exchangeWith(source.storage, async () => {
    inFlight += 1
    most = Math.max(most, inFlight)
    await nextTurn()
    inFlight -= 1
  })
  node.blocks.attachExchange(exchange)
  const seen: object[] = []
  await node.pins.add(cid, { onProgress: progress => seen.push(progress) })
  t.ok(most >= 100, `${most} at a time`)
  const { blocks } = source.storage.blocks.stats()
  t.match(seen.at(-1), { blocks })
  const { bytes, totalBytes } = seen.at(-1) as { bytes: number; totalBytes: number }
  t.equal(bytes, totalBytes)
})

t.test('what can not fit is refused before it is downloaded, and leaves no pin', async t => {
  const source = createTestNode()
  const { cid } = await source.content.add(fileOf(pattern(6 * MIB)))
  const node = createTestNode({ maxBytes: 4 * MIB })
  const exchange = exchangeWith(source.storage)
  node.blocks.attachExchange(exchange)
  await t.rejects(node.pins.add(cid), { code: 'STORAGE_FULL' })
  t.same(exchange.fetched, [cid.toString()], 'the root alone')
  t.same([...node.pins.list()], [])
  assertEmpty(t, node)
})

t.test('what proves larger than it said ends there, and leaves whole blocks to the cache', async t => {
  const source = createTestNode()
  const bytes = pattern(6 * MIB)
  const { cid } = await source.content.add(fileOf(bytes))
  const node = createTestNode({ maxBytes: 4 * MIB })
  const exchange = exchangeWith(source.storage)
  node.blocks.attachExchange(exchange)
  // Links beneath a codec that doesn't say how much there is.
  const { Links } = dagPb.decode(await source.storage.blocks.get(cid))
  const list = dagCbor.encode(Links.map(({ Hash }) => Hash))
  const root = cidOf(dagCbor.code, list)
  await source.storage.blocks.put(root, list)
  await t.rejects(node.pins.add(root), { code: 'STORAGE_FULL' })
  t.same([...node.pins.list()], [])
  const { blocks, reservedBytes } = node.storage.blocks.stats()
  t.ok(blocks > 1, `${blocks} blocks are the cache's`)
  t.equal(reservedBytes, 0)
  for (const { hash } of node.storage.blocks.list()) {
    t.notOk(node.pins.holds(hash))
    await node.storage.blocks.inspect(hash, () => true)
  }
})

t.test('pinning again sets the name only, and CIDv0 and CIDv1 are one pin', async t => {
  const node = createTestNode({ profile: tiny })
  const { cid } = await node.content.add(fileOf(pattern(100)))
  t.match(await node.pins.add(cid.toV0(), { name: 'b' }), { name: 'b', state: 'pinned' })
  t.match(await node.pins.add(cid), { name: 'b' })
  t.equal([...node.pins.list()].length, 1)
  await node.pins.remove(cid.toV0())
  assertEmpty(t, node)
})

t.test('events tell of pins', async t => {
  const node = createTestNode({ profile: tiny })
  const seen: string[] = []
  node.events.on('content:pinned', ({ cid }) => void seen.push(`+${cid}`))
  node.events.on('content:unpinned', ({ cid }) => void seen.push(`-${cid}`))
  const { cid } = await node.content.add(fileOf(pattern(100)))
  await node.pins.remove(cid)
  t.same(seen, [`+${cid}`, `-${cid}`])
})

t.test('a pin of inlined content, alone and beneath another', async t => {
  const node = createTestNode()
  const leaf = cidOf(raw.code, pattern(9))
  await node.storage.blocks.put(leaf, pattern(9))
  const inlined = CID.createV1(dagCbor.code, createDigest(0, dagCbor.encode([leaf])))
  const bytes = dagCbor.encode([inlined])
  const parent = cidOf(dagCbor.code, bytes)
  await node.storage.blocks.put(parent, bytes)
  for (const cid of [inlined, parent]) {
    await node.pins.add(cid)
    t.ok(node.pins.holds(leaf.multihash.bytes))
    await node.pins.remove(cid)
    assertEmpty(t, node)
  }
})

t.test('an index that was lost is counted again, and until then nothing may go', async t => {
  const storage = createMemoryStorage({ maxBytes: 64 * MIB })
  const { content } = createTestNode({ storage, profile: tiny })
  const { cid } = await content.add(fileOf(pattern(300)))
  const fresh = createMemoryStorage({ maxBytes: 64 * MIB })
  for (const { hash } of storage.blocks.list()) {
    const block = CID.createV1(raw.code, createDigest(hash[0] ?? 0, hash.subarray(2)))
    await fresh.blocks.put(block, await storage.blocks.get(block))
  }
  const stranger = pattern(9)
  const node = createTestNode({ storage: { ...fresh, vault: storage.vault } })
  await node.pins.start()
  t.ok(node.pins.holds(cidOf(raw.code, stranger).multihash.bytes))
  await turnsUntil(() => node.pins.get(cid)?.state === 'pinned')
  await turnsUntil(() => !node.pins.holds(cidOf(raw.code, stranger).multihash.bytes))
  for (const { hash } of fresh.blocks.list()) t.ok(node.pins.holds(hash))
  await node.pins.stop()
})

t.test('a malformed block, a DAG too deep', async t => {
  const node = createTestNode()
  const bytes = Uint8Array.of(0xff)
  const malformed = cidOf(dagCbor.code, bytes)
  await node.storage.blocks.put(malformed, bytes)
  await t.rejects(node.pins.add(malformed), { code: 'DAG_INVALID', message: /codec 0x71/ })
  let chain = cidOf(raw.code, bytes)
  for (let depth = 0; depth < 2_051; depth++) {
    const block = dagCbor.encode([chain])
    chain = cidOf(dagCbor.code, block)
    await node.storage.blocks.put(chain, block)
  }
  await t.rejects(node.pins.add(chain), { code: 'DAG_INVALID', message: /levels deep/ })
  await node.pins.remove(chain)
  await node.pins.remove(malformed)
  assertEmpty(t, node)
})

t.test('a web of shared nodes with as many paths as atoms is pinned at once', async t => {
  const levels = 200
  const links = Array.from({ length: 2 * levels + 2 }, (_, at): number[] => {
    const below = at - (at % 2) - 2
    return below < 0 ? [] : [below, below + 1]
  })
  const dag = await makeDag(links)
  const node = createTestNode()
  const exchange = exchangeWith(dag.storage)
  node.blocks.attachExchange(exchange)
  const root = dag.cids.at(-1)
  if (!root) throw new Error('unreachable')
  await node.pins.add(root)
  t.equal(exchange.fetched.length, new Set(exchange.fetched).size)
  t.same(countsOf(node), await naiveCounts(dag, [root]))
  await node.pins.remove(root)
  assertEmpty(t, node)
})

t.test('a wide node: more links than one transaction takes', async t => {
  const count = 2_500
  const leaves = Array.from({ length: count }, (): number[] => [])
  const dag = await makeDag([...leaves, leaves.map((_, at) => at)])
  const node = createTestNode()
  node.blocks.attachExchange(exchangeWith(dag.storage))
  const root = dag.cids[count]
  if (!root) throw new Error('unreachable')
  await node.pins.add(root)
  t.equal(node.storage.index.bucket('pin-links').size(), 3)
  t.equal(Object.keys(countsOf(node)).length, count + 1)
  await node.pins.remove(root)
  assertEmpty(t, node)
})
