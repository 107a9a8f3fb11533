import { setImmediate as nextTurn } from 'node:timers/promises'
import * as dagPb from '@ipld/dag-pb'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { decode } from 'multiformats/hashes/digest'
import t from 'tap'
import { cidOf } from '../../../core/content/hashes.ts'
import { PinAudit, type PinFault } from '../../../core/content/pin-audit.ts'
import { PinLedger } from '../../../core/content/pin-ledger.ts'
import { decodeCounts, encodeCounts, encodePin, nodeKey, rowKey } from '../../../core/content/pin-records.ts'
import { bucketsWithin, ExactTally, SketchTally } from '../../../core/content/pin-tally.ts'
import { UNIXFS_V1_2025 } from '../../../core/content/profile.ts'
import { linksOf } from '../../../core/content/walk.ts'
import type { KeyValueStore, WriteBatch } from '../../../core/storage/storage.ts'
import { createTestNode, fileOf, pattern, type TestNode } from '../../helpers/content-node.ts'
import { arbitraryDag, makeDag } from '../../helpers/dag.ts'

const tiny = { ...UNIXFS_V1_2025, chunkBytes: 16, maxLinks: 3 }

interface Found {
  readonly kind: PinFault['kind']
  readonly cid: string
  readonly count?: number
  readonly owners?: number
}

async function verify(node: TestNode, repair = false): Promise<{ found: Found[]; repaired: number }> {
  const found: Found[] = []
  const report = await node.pins.verify({
    repair,
    async onFault(fault) {
      const counted = fault.kind === 'count' && { count: fault.count, owners: fault.owners }
      found.push({ kind: fault.kind, cid: fault.cid.toV1().toString(), ...counted })
    },
  })
  t.equal(report.faults, found.length)
  return { found, repaired: report.repaired }
}

/** A file pinned on a node, its root and the first block beneath it. */
async function pinnedFile(): Promise<{ node: TestNode; root: CID; child: CID }> {
  const node = createTestNode({ profile: tiny })
  const { cid: root } = await node.content.add(fileOf(pattern(300)))
  const [link] = linksOf(root, await node.storage.blocks.get(root))
  if (!link) throw new Error('the file has one block')
  return { node, root, child: link.cid }
}

const write = ({ storage }: TestNode, change: (batch: WriteBatch) => void): Promise<void> =>
  storage.index.write(change)

function setCount(node: TestNode, cid: CID, count: number): Promise<void> {
  const counts = node.storage.index.bucket('pin-counts')
  const nodes = decodeCounts(counts.get(cid.multihash.bytes))
  for (const entry of nodes) entry.count = count
  return write(node, batch => batch.put(counts, cid.multihash.bytes, encodeCounts(nodes)))
}

t.test('what is right is found right', async t => {
  const { node, root } = await pinnedFile()
  const report = await node.pins.verify({})
  t.match(report, { pins: 1, faults: 0, repaired: 0 })
  t.equal(report.nodes, node.storage.blocks.stats().blocks)
  t.equal(report.links, report.nodes - 1, 'each block but the root has one parent')
  await node.pins.remove(root)
  t.match(await node.pins.verify({}), { pins: 0, nodes: 0, links: 0, faults: 0 })
})

t.test('progress comes to its end', async t => {
  const { node } = await pinnedFile()
  const seen: { bytes: number; totalBytes?: number }[] = []
  await node.pins.verify({ onProgress: progress => seen.push(progress) })
  t.equal(seen.at(-1)?.bytes, seen.at(-1)?.totalBytes)
  t.ok((seen[0]?.totalBytes ?? 0) > (seen[0]?.bytes ?? 0))
})

const damages: Record<string, (file: { node: TestNode; root: CID; child: CID }) => Promise<Found[]>> = {
  async 'a count too high'({ node, child }) {
    await setCount(node, child, 3)
    return [{ kind: 'count', cid: child.toString(), count: 3, owners: 1 }]
  },
  async 'counts too high and too low, which sum up to right ones'({ node, root, child }) {
    await setCount(node, child, 0)
    await setCount(node, root, 2)
    return [
      { kind: 'count', cid: root.toString(), count: 2, owners: 1 },
      { kind: 'release', cid: child.toString() },
      { kind: 'count', cid: child.toString(), count: 0, owners: 1 },
    ]
  },
  async 'no count at all'({ node, child }) {
    const counts = node.storage.index.bucket('pin-counts')
    await write(node, batch => batch.delete(counts, child.multihash.bytes))
    return [
      { kind: 'release', cid: child.toString() },
      { kind: 'count', cid: child.toString(), count: 0, owners: 1 },
    ]
  },
  async 'a count of which a bit of the key turned'({ node, child }) {
    const counts = node.storage.index.bucket('pin-counts')
    const hash = child.multihash.bytes
    const turned = Buffer.from(hash)
    turned[10] = (turned[10] ?? 0) ^ 1
    const value = counts.get(hash) ?? new Uint8Array()
    await write(node, batch => {
      batch.delete(counts, hash)
      batch.put(counts, turned, value)
    })
    const phantom = CID.createV1(child.code, decode(turned))
    return [
      { kind: 'release', cid: child.toString() },
      { kind: 'count', cid: child.toString(), count: 0, owners: 1 },
      { kind: 'count', cid: phantom.toString(), count: 1, owners: 0 },
    ]
  },
  async 'a mark that says that a node was walked'({ node }) {
    const { cid, bytes } = await unwalkedNode(node)
    await node.storage.blocks.put(cid, bytes)
    const ledger = new PinLedger(node.storage.index)
    await node.storage.vault.write(batch =>
      batch.put(
        node.storage.vault.bucket('pins'),
        nodeKey(cid),
        encodePin({ cid, createdMs: 0, state: 'pinned' }),
      ),
    )
    await ledger.addRoot(cid)
    await ledger.complete(cid)
    return [{ kind: 'links', cid: cid.toString() }]
  },
  async 'a release of what is held'({ node, child }) {
    const queue = node.storage.index.bucket('pin-queue')
    await write(node, batch => batch.put(queue, nodeKey(child), Uint8Array.of(1)))
    return [{ kind: 'release', cid: child.toString() }]
  },
  async 'links that were lost'({ node, child }) {
    const links = node.storage.index.bucket('pin-links')
    const leaves = linksOf(child, await node.storage.blocks.get(child)).map(({ cid }) => cid)
    await write(node, batch => batch.delete(links, rowKey(nodeKey(child), 0)))
    return [
      { kind: 'links', cid: child.toString() },
      ...leaves.map(leaf => ({ kind: 'count' as const, cid: leaf.toString(), count: 1, owners: 0 })),
    ]
  },
  async 'links of another block'({ node, root, child }) {
    const links = node.storage.index.bucket('pin-links')
    const row = links.get(rowKey(nodeKey(root), 0)) ?? new Uint8Array()
    const leaves = linksOf(child, await node.storage.blocks.get(child)).map(({ cid }) => cid)
    const ends = linksOf(root, await node.storage.blocks.get(root)).map(({ cid }) => cid)
    await write(node, batch => batch.put(links, rowKey(nodeKey(child), 0), row))
    return [
      { kind: 'links', cid: child.toString() },
      ...leaves.map(leaf => ({ kind: 'count' as const, cid: leaf.toString(), count: 1, owners: 0 })),
      ...ends.map(end => ({ kind: 'count' as const, cid: end.toString(), count: 1, owners: 2 })),
    ]
  },
  async 'a pin that is not counted'({ node, root }) {
    const roots = node.storage.index.bucket('pin-roots')
    await write(node, batch => batch.delete(roots, nodeKey(root)))
    return [
      { kind: 'count', cid: root.toString(), count: 1, owners: 0 },
      { kind: 'pin', cid: root.toString() },
    ]
  },
  async 'a count for a pin that is gone'({ node, root }) {
    const pins = node.storage.vault.bucket('pins')
    await node.storage.vault.write(batch => batch.delete(pins, nodeKey(root)))
    return [{ kind: 'pin', cid: root.toString() }]
  },
}

/** A block with a link to another that the node holds. */
async function unwalkedNode({ content }: TestNode): Promise<{ cid: CID; bytes: Uint8Array }> {
  const { cid } = await content.add(fileOf(pattern(10)))
  const bytes = dagPb.encode(dagPb.prepare({ Links: [{ Hash: cid, Name: 'a', Tsize: 10 }] }))
  return { cid: cidOf(dagPb.code, bytes), bytes }
}

const sorted = (found: readonly Found[]): string[] => found.map(fault => JSON.stringify(fault)).sort()

for (const [name, damage] of Object.entries(damages)) {
  t.test(`${name}: found, told, repaired`, async t => {
    const file = await pinnedFile()
    const { node, root } = file
    const expected = await damage(file)
    t.same(sorted((await verify(node)).found), sorted(expected))
    t.same(sorted((await verify(node)).found), sorted(expected), 'telling of it changes nothing')
    const { repaired } = await verify(node, true)
    t.ok(repaired >= 1)
    await verify(node, true)
    t.same((await verify(node)).found, [])
    if (!node.pins.get(root)) {
      t.equal(node.storage.index.bucket('pin-counts').size(), 0)
      return
    }
    await node.pins.add(root)
    t.equal(node.pins.get(root)?.state, 'pinned')
    t.same((await verify(node)).found, [])
    for (const { hash } of node.storage.blocks.list()) t.ok(node.pins.holds(hash))
  })
}

t.test('property: nothing is found wrong beside pins and unpins', async t => {
  const schedule = fc.array(fc.tuple(fc.nat(24), fc.nat(6), fc.nat(6)), { minLength: 1, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(
      arbitraryDag,
      schedule,
      fc.integer({ min: 1, max: 3 }),
      async (links, steps, sliceLinks) => {
        const { cids } = await makeDag(links)
        const { storage } = createTestNode()
        const ledger = new PinLedger(storage.index)
        const running = new AbortController()
        const faults: PinFault[] = []
        const onFault = async (fault: PinFault): Promise<void> => void faults.push(fault)
        const audits = (async () => {
          while (!running.signal.aborted) {
            const { signal } = new AbortController()
            const options = { signal, sliceLinks, onFault }
            await new PinAudit(options, { index: storage.index, ledger, store: storage.blocks }).run()
          }
        })()
        // Each step pins its node, and a while later lets it go.
        const changes = steps.map(async ([which, before, between]) => {
          const at = which % cids.length
          const root = cids[at]
          const ends = (links[at] ?? []).flatMap(end => cids[end] ?? []).map(cid => ({ cid }))
          if (!root) return
          await turns(before * 3)
          await ledger.addRoot(root)
          if (ends.length > 0) await ledger.expand(root, ends)
          await turns(between * 3)
          await ledger.removeRoot(root)
          while (ledger.isReleasing) await ledger.release()
        })
        await Promise.all(changes)
        running.abort()
        await audits
        t.same(faults, [])
      },
    ),
    { numRuns: 150 },
  )
})

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn()
}

t.test('what was told of a write that failed is not believed', async t => {
  const { node, root } = await pinnedFile()
  await setCount(node, root, 3)
  const { index, blocks } = node.storage
  const failing: KeyValueStore = {
    bucket: name => index.bucket(name),
    write: change =>
      index.write(batch => {
        change(batch)
        throw new Error('no room')
      }),
  }
  const ledger = new PinLedger(failing)
  const found: PinFault[] = []
  let slices = 0
  const failures: Promise<unknown>[] = []
  const audit = new PinAudit(
    {
      signal: new AbortController().signal,
      onProgress() {
        slices += 1
        // In the second pass, after the roots were read and before their counts are.
        if (slices === 5) failures.push(t.rejects(ledger.removeRoot(root), /no room/))
      },
      async onFault(fault) {
        found.push(fault)
      },
    },
    { index, ledger, store: blocks },
  )
  await audit.run()
  await Promise.all(failures)
  t.equal(failures.length, 1)
  t.match(found, [{ kind: 'count', count: 3, owners: 1 }])
  t.equal(found.length, 1)
})

t.test('property: both tallies find what is wrong, and nothing else', async t => {
  const node = fc.uint8Array({ minLength: 36, maxLength: 36 })
  const changes = fc.array(fc.tuple(node, fc.integer({ min: -3, max: 3 })), { maxLength: 30 })
  fc.assert(
    fc.property(changes, all => {
      const sketch = new SketchTally()
      const sums = new Map<string, number>()
      for (const [key, change] of all) {
        sketch.add(key, change)
        const text = Buffer.from(key).toString('hex')
        sums.set(text, (sums.get(text) ?? 0) + change)
      }
      const wrong = [...sums].filter(([, sum]) => sum !== 0)
      const exact = new ExactTally(sketch.wrong())
      for (const [key, change] of all) exact.add(key, change)
      t.same(
        [...exact.wrong()].map(([key, sum]) => [Buffer.from(key).toString('hex'), sum]).sort(),
        wrong.sort(),
      )
    }),
  )
  t.equal(bucketsWithin(65_536, 0), 65_536 * 65_536)
  t.equal(bucketsWithin(65_536, 65_536 * 4), 16_384)
  t.equal(bucketsWithin(65_536, 1e12), 1)
})
