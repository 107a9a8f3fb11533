import { randomInt } from 'node:crypto'
import t, { type Test } from 'tap'
import { MIN_STORE_BYTES } from '../../../core/storage/disk-account.ts'
import type { BlockStore } from '../../../core/storage/storage.ts'
import { block } from '../../conformance/block-store.ts'
import { sampleDisk } from '../../helpers/disk-sampler.ts'
import { FifoEvictor } from './fifo-evictor.ts'
import { KIB, MIB, openAt } from './stores.ts'

type Held = ReturnType<typeof block>

const CAP = 48 * MIB

/** Several writers at once, until so many bytes are stored. Every eighth block is kept from eviction, up to `keepBytes`. */
async function churn(
  blocks: BlockStore,
  evictor: FifoEvictor,
  { bytes, sizeOf, keepBytes = 0 }: { bytes: number; sizeOf: () => number; keepBytes?: number },
): Promise<Held[]> {
  const { maxBytes } = blocks.stats()
  const kept: Held[] = []
  let storedBytes = 0
  let keptBytes = 0
  const write = async (): Promise<void> => {
    while (storedBytes < bytes) {
      const next = block(sizeOf())
      storedBytes += next.bytes.length
      const isKept = randomInt(8) === 0 && keptBytes + next.bytes.length <= keepBytes
      if (isKept) {
        keptBytes += next.bytes.length
        evictor.kept.add(Buffer.from(next.cid.multihash.bytes).toString('hex'))
        kept.push(next)
      }
      await blocks.put(next.cid, next.bytes)
      const { usedBytes } = blocks.stats()
      if (usedBytes > maxBytes) throw new Error(`${usedBytes} of ${maxBytes} bytes are counted`)
    }
  }
  await Promise.all(Array.from({ length: 12 }, write))
  return kept
}

async function readable(t: Test, blocks: BlockStore, held: readonly Held[]): Promise<void> {
  for (const { cid, bytes } of held) {
    if (Buffer.compare(await blocks.get(cid), bytes) !== 0) throw new Error(`block ${cid} reads as another`)
  }
  t.pass(`${held.length} blocks read`)
}

const mixed = (): number =>
  [randomInt(2_000), randomInt(32 * KIB), 70 * KIB, 256 * KIB, MIB][randomInt(5)] ?? 0

t.test('the directory never takes more than its bound, whatever sizes come and go', async t => {
  const directory = t.testdir()
  const storage = await openAt(t, directory, { maxBytes: CAP })
  const { blocks } = storage
  const evictor = new FifoEvictor(blocks)
  blocks.attachEvictor(evictor)
  const sampler = await sampleDisk(directory)
  const kept = await churn(blocks, evictor, { bytes: 4 * CAP, sizeOf: mixed, keepBytes: CAP / 4 })
  for (const size of [MIB, 64 * KIB, MIB, 40 * KIB]) {
    await churn(blocks, evictor, { bytes: 1.5 * CAP, sizeOf: () => size })
    const { blockBytes, usedBytes } = blocks.stats()
    t.ok(blockBytes > CAP / 2, `blocks of ${size}: ${blockBytes} of ${usedBytes} bytes are theirs`)
  }
  const { maxBytes, lastBytes, samples } = await sampler.end()
  t.ok(maxBytes <= CAP, `${maxBytes} of ${CAP} bytes at most, in ${samples} looks`)
  const { usedBytes } = blocks.stats()
  t.ok(lastBytes <= usedBytes, `${usedBytes} counted, ${lastBytes} on disk`)
  t.ok(usedBytes - lastBytes < CAP / 8, 'and not far from it')
  await readable(t, blocks, kept)
  await storage.close()
  const reopened = await openAt(t, directory, { maxBytes: CAP })
  t.ok(reopened.blocks.stats().usedBytes <= CAP)
  await readable(t, reopened.blocks, kept)
})

t.test('blocks are read while they move', async t => {
  const { blocks } = await openAt(t, t.testdir(), { maxBytes: CAP })
  const evictor = new FifoEvictor(blocks)
  blocks.attachEvictor(evictor)
  const kept = await churn(blocks, evictor, { bytes: CAP, sizeOf: () => 64 * KIB, keepBytes: CAP / 8 })
  let isOver = false
  let reads = 0
  const read = async (): Promise<void> => {
    while (!isOver) {
      const { cid, bytes } = kept[randomInt(kept.length)] ?? block(0)
      if (Buffer.compare(await blocks.get(cid), bytes) !== 0) throw new Error('wrong bytes')
      reads++
    }
  }
  const reading = [1, 2, 3, 4].map(read)
  const churning = churn(blocks, evictor, { bytes: 2 * CAP, sizeOf: () => MIB }).finally(() => {
    isOver = true
  })
  await Promise.all([...reading, churning])
  t.ok(reads > 100, `${reads} reads`)
  await readable(t, blocks, kept)
})

t.test('a store that is larger than its bound comes back within it, and keeps what is pinned', async t => {
  const directory = t.testdir()
  const before = await openAt(t, directory, { maxBytes: CAP })
  const first = new FifoEvictor(before.blocks)
  before.blocks.attachEvictor(first)
  const kept = await churn(before.blocks, first, { bytes: CAP, sizeOf: mixed, keepBytes: CAP / 8 })
  await before.close()

  const lower = CAP / 2
  const { blocks, index } = await openAt(t, directory, { maxBytes: lower })
  t.ok(blocks.stats().usedBytes > lower)
  const late = block(MIB)
  await t.rejects(blocks.put(late.cid, late.bytes), { code: 'STORAGE_FULL' }, 'nobody makes room')
  const things = index.bucket('demo/things')
  await index.write(batch => batch.put(things, Buffer.from('a'), Buffer.from('1')))
  const evictor = new FifoEvictor(blocks)
  for (const hash of first.kept) evictor.kept.add(hash)
  blocks.attachEvictor(evictor)
  await blocks.put(late.cid, late.bytes)
  await churn(blocks, evictor, { bytes: lower, sizeOf: () => 100 * KIB })
  const { usedBytes } = blocks.stats()
  t.ok(usedBytes <= lower, `${usedBytes} of ${lower}`)
  await readable(t, blocks, kept)
})

t.test('a bound that leaves no room for blocks is refused', async t => {
  const directory = t.testdir()
  await t.rejects(openAt(t, directory, { maxBytes: MIN_STORE_BYTES - 1 }), {
    code: 'STORAGE_FULL',
    message: new RegExp(String(MIN_STORE_BYTES)),
  })
  const { blocks } = await openAt(t, directory, { maxBytes: MIN_STORE_BYTES })
  const held = block(2 * MIB)
  await blocks.put(held.cid, held.bytes)
  await readable(t, blocks, [held])
})

t.test('what else is written to the index has its bound, too', async t => {
  const directory = t.testdir()
  const { blocks, index } = await openAt(t, directory, { maxBytes: 16 * MIB })
  const sampler = await sampleDisk(directory)
  const things = index.bucket('demo/things')
  const error = await t.rejects(
    async () => {
      for (let n = 0; ; n++) {
        await index.write(batch => batch.put(things, Buffer.from(String(n)), Buffer.alloc(100 * KIB)))
      }
    },
    { code: 'STORAGE_FULL' },
  )
  t.ok(error)
  const keys = [...things.keys()]
  await index.write(batch => {
    for (const key of keys) batch.delete(things, key)
  })
  await index.write(batch => batch.put(things, Buffer.from('a'), Buffer.alloc(100 * KIB)))
  const { maxBytes } = await sampler.end()
  t.ok(maxBytes <= 16 * MIB, `${maxBytes} bytes`)
  t.ok(blocks.stats().usedBytes <= 16 * MIB)
})
