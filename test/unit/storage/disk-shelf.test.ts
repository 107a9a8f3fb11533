import { existsSync, openSync, readSync, statSync, writeSync } from 'node:fs'
import { cp, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import {
  SLOT_HEADER_BYTES,
  sizeClassOf,
  slotBytesOf,
  slotsPerSegment,
} from '../../../core/storage/size-classes.ts'
import { block } from '../../conformance/block-store.ts'
import { KIB, MIB, openAt, segmentFiles } from './stores.ts'

const LARGE = 100_000
const SLOT = slotBytesOf(sizeClassOf(LARGE))

/** Turns over one bit at `offset`. */
function flip(path: string, offset: number): void {
  const fd = openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  readSync(fd, byte, 0, 1, offset)
  byte[0] = (byte[0] ?? 0) ^ 1
  writeSync(fd, byte, 0, 1, offset)
}

t.test('what is stored is there after a restart', async t => {
  const directory = t.testdir()
  const held = [0, 100, 31 * KIB, 32 * KIB, LARGE, MIB].map(size => block(size))
  const before = await openAt(t, directory)
  await Promise.all(held.map(({ cid, bytes }) => before.blocks.put(cid, bytes)))
  const things = before.index.bucket('demo/things')
  await before.index.write(batch => batch.put(things, Buffer.from('a'), Buffer.from('1')))
  const pins = before.vault.bucket('pins')
  await before.vault.write(batch => batch.put(pins, Buffer.from('a'), Buffer.from('1')))
  const stats = before.blocks.stats()
  await before.close()

  const { blocks, index, vault } = await openAt(t, directory)
  t.match(blocks.stats(), { blocks: stats.blocks, blockBytes: stats.blockBytes })
  for (const { cid, bytes } of held) t.equal(Buffer.compare(await blocks.get(cid), bytes), 0)
  t.ok(index.bucket('demo/things').has(Buffer.from('a')))
  t.ok(vault.bucket('pins').has(Buffer.from('a')))
})

t.test('a damaged block is one block lost, and can be stored again', async t => {
  const directory = t.testdir()
  const { blocks } = await openAt(t, directory)
  const damaged = block(LARGE)
  await blocks.put(damaged.cid, damaged.bytes)
  const others = Array.from({ length: 3 }, () => block(LARGE))
  await Promise.all(others.map(({ cid, bytes }) => blocks.put(cid, bytes)))
  const [file] = segmentFiles(directory)
  if (!file) throw new Error('a segment')
  flip(file, SLOT_HEADER_BYTES + 777)

  t.ok(blocks.has(damaged.cid))
  await t.rejects(blocks.get(damaged.cid), { code: 'BLOCK_CORRUPT' })
  t.notOk(blocks.has(damaged.cid), 'it counts as absent')
  await t.rejects(blocks.get(damaged.cid), { code: 'BLOCK_NOT_FOUND' })
  for (const { cid, bytes } of others) t.equal(Buffer.compare(await blocks.get(cid), bytes), 0)
  t.match(blocks.stats(), { blocks: 3, blockBytes: 4 * SLOT }, 'its slot stays taken')

  await Promise.all([1, 2, 3].map(() => blocks.put(damaged.cid, damaged.bytes)))
  t.equal(Buffer.compare(await blocks.get(damaged.cid), damaged.bytes), 0)
  t.equal(statSync(file).size > 4 * SLOT, true, 'in another slot')
  t.match(blocks.stats(), { blocks: 4, blockBytes: 5 * SLOT })

  const freedBytes = await blocks.delete([damaged, ...others].map(({ cid }) => cid.multihash.bytes))
  t.equal(freedBytes, 5 * SLOT, 'the slot comes free with its segment')
  t.notOk(existsSync(file))
  t.match(blocks.stats(), { blocks: 0, blockBytes: 0 })
})

t.test('a sector that can not be read is one block lost', async t => {
  const directory = t.testdir()
  const before = await openAt(t, directory)
  const [lost, ...others] = [block(LARGE), block(MIB), block(100)]
  await before.blocks.put(lost.cid, lost.bytes)
  const [file] = segmentFiles(directory)
  if (!file) throw new Error('a segment')
  for (const { cid, bytes } of others) await before.blocks.put(cid, bytes)
  await before.close()
  // Linux answers EIO to reads of memory that isn't mapped, as there is none at the lowest addresses.
  await rm(file)
  await symlink('/proc/self/mem', file)

  const { blocks } = await openAt(t, directory)
  await t.rejects(blocks.get(lost.cid), { code: 'BLOCK_CORRUPT', cause: { code: 'EIO' } })
  t.notOk(blocks.has(lost.cid), 'it counts as absent')
  for (const { cid, bytes } of others) t.equal(Buffer.compare(await blocks.get(cid), bytes), 0)
})

t.test('a damaged segment of nothing else is given back at the next start', async t => {
  const directory = t.testdir()
  const before = await openAt(t, directory)
  const { cid, bytes } = block(LARGE)
  await before.blocks.put(cid, bytes)
  const [file] = segmentFiles(directory)
  if (!file) throw new Error('a segment')
  flip(file, SLOT_HEADER_BYTES)
  await t.rejects(before.blocks.get(cid), { code: 'BLOCK_CORRUPT' })
  await before.close()
  const { blocks } = await openAt(t, directory)
  t.match(blocks.stats(), { blocks: 0, blockBytes: 0 })
  t.notOk(existsSync(file))
})

t.test('a file that is too short or gone', async t => {
  const directory = t.testdir()
  const { blocks } = await openAt(t, directory)
  const held = Array.from({ length: 3 }, () => block(LARGE))
  for (const { cid, bytes } of held) await blocks.put(cid, bytes)
  const large = block(MIB)
  await blocks.put(large.cid, large.bytes)
  await blocks.get(large.cid)
  const [file] = segmentFiles(directory)
  const [first, second, third] = held
  if (!file || !first || !second || !third) throw new Error('three blocks')
  await truncate(file, SLOT + SLOT_HEADER_BYTES + 50)
  await t.rejects(blocks.get(third.cid), { code: 'BLOCK_CORRUPT' })
  await t.rejects(blocks.get(second.cid), { code: 'BLOCK_CORRUPT' })
  t.equal(Buffer.compare(await blocks.get(first.cid), first.bytes), 0)
  t.equal(Buffer.compare(await blocks.get(large.cid), large.bytes), 0)
})

t.test('a segment file that is gone costs its blocks alone', async t => {
  const directory = t.testdir()
  const before = await openAt(t, directory)
  const lost = block(LARGE)
  const other = block(MIB)
  await before.blocks.put(lost.cid, lost.bytes)
  await before.blocks.put(other.cid, other.bytes)
  await before.close()
  const [file] = segmentFiles(directory)
  if (!file) throw new Error('a segment')
  await rename(file, `${file}.away`)
  const { blocks } = await openAt(t, directory)
  await t.rejects(blocks.get(lost.cid), { code: 'BLOCK_CORRUPT' })
  t.equal(Buffer.compare(await blocks.get(other.cid), other.bytes), 0)
})

t.test('a damaged inline block', async t => {
  const directory = t.testdir()
  const { blocks, index } = await openAt(t, directory)
  const { cid, bytes } = block(5000)
  await blocks.put(cid, bytes)
  const inline = index.bucket('inline-blocks')
  await index.write(batch => batch.put(inline, cid.multihash.bytes, Buffer.alloc(5000, 1)))
  await t.rejects(blocks.get(cid), { code: 'BLOCK_CORRUPT' })
  t.notOk(blocks.has(cid))
  t.match(blocks.stats(), { blocks: 0, blockBytes: 0 })
  await blocks.put(cid, bytes)
  t.equal(Buffer.compare(await blocks.get(cid), bytes), 0)
})

t.test('an inspection finds what a read finds, and what no checksum tells', async t => {
  const directory = t.testdir()
  const { blocks } = await openAt(t, directory)
  const [flipped, forged, deleted, good] = [block(LARGE), block(LARGE), block(LARGE), block(LARGE)]
  for (const { cid, bytes } of [flipped, forged, deleted, good]) await blocks.put(cid, bytes)
  const [file] = segmentFiles(directory)
  if (!file) throw new Error('a segment')
  flip(file, SLOT_HEADER_BYTES + 777)
  const damaged: Uint8Array[] = []
  blocks.onDamaged(hash => damaged.push(hash))
  const hashOf = ({ cid }: typeof good) => cid.multihash.bytes

  await t.rejects(
    blocks.inspect(hashOf(flipped), () => true),
    { code: 'BLOCK_CORRUPT' },
  )
  await t.rejects(
    blocks.inspect(hashOf(forged), () => false),
    { code: 'BLOCK_CORRUPT' },
  )
  // While it is looked at, the block is deleted: there is nothing to take out.
  await t.rejects(
    blocks.inspect(hashOf(deleted), async hash => {
      await blocks.delete([hash])
      return false
    }),
    { code: 'BLOCK_NOT_FOUND' },
  )
  t.same(damaged, [hashOf(flipped), hashOf(forged)])
  t.equal(Buffer.compare(await blocks.inspect(hashOf(good), () => true), good.bytes), 0)
  t.match(blocks.stats(), { blocks: 1, blockBytes: 3 * SLOT }, 'bad slots stay taken')
})

t.test('slots are used again, and empty segments given back', async t => {
  const directory = t.testdir()
  const { blocks } = await openAt(t, directory)
  const held = Array.from({ length: 10 }, () => block(LARGE))
  for (const { cid, bytes } of held) await blocks.put(cid, bytes)
  const [file] = segmentFiles(directory)
  if (!file) throw new Error('a segment')
  const { size } = statSync(file)
  const gone = held.slice(2, 7)
  await blocks.delete(gone.map(({ cid }) => cid.multihash.bytes))
  const fresh = Array.from({ length: 5 }, () => block(LARGE))
  await Promise.all(fresh.map(({ cid, bytes }) => blocks.put(cid, bytes)))
  t.equal(statSync(file).size, size, 'five came, five went: the file is as long as it was')
  const left = [...held.slice(0, 2), ...held.slice(7), ...fresh]
  for (const { cid, bytes } of left) t.equal(Buffer.compare(await blocks.get(cid), bytes), 0)

  const [a, b] = [left.slice(0, 5), left.slice(5)]
  await Promise.all([a, b].map(part => blocks.delete(part.map(({ cid }) => cid.multihash.bytes))))
  t.same(segmentFiles(directory), [], 'two deletes at once empty it between them')
  await blocks.put(fresh[0]?.cid ?? block(1).cid, fresh[0]?.bytes ?? new Uint8Array())
  t.match(segmentFiles(directory), [/00000002-/], 'a segment number is never used twice')
})

t.test('more writers at once than a segment has slots', async t => {
  const directory = t.testdir()
  const { blocks } = await openAt(t, directory, { maxBytes: 8 * 1024 * MIB })
  const slots = slotsPerSegment(sizeClassOf(2 * MIB))
  const template = block(2 * MIB).bytes
  const held = Array.from({ length: slots + 3 }, (_, i) => {
    const bytes = new Uint8Array(template)
    bytes[0] = i
    return block(0, bytes)
  })
  await Promise.all(held.map(({ cid, bytes }) => blocks.put(cid, bytes)))
  t.equal(segmentFiles(directory).length, 2)
  t.equal(blocks.stats().blocks, slots + 3)
})

t.test('reads, writes and deletes at once never show wrong bytes', async t => {
  const { blocks } = await openAt(t, t.testdir())
  const pool = Array.from({ length: 24 }, (_, i) => block(i % 3 === 0 ? 20_000 : LARGE))
  let reads = 0
  const churn = async (offset: number): Promise<void> => {
    for (let i = 0; i < 60; i++) {
      const { cid, bytes } = pool[(offset + i * 7) % pool.length] ?? block(0)
      if (i % 3 === 0) await blocks.delete([cid.multihash.bytes])
      else if (i % 3 === 1) await blocks.put(cid, bytes)
      const got = await blocks.get(cid).catch(error => {
        if (error.code !== 'BLOCK_NOT_FOUND') throw error
      })
      if (!got) continue
      reads++
      if (Buffer.compare(got, bytes) !== 0) throw new Error('wrong bytes')
    }
  }
  await Promise.all([0, 1, 2, 3, 5, 8].map(churn))
  t.ok(reads > 50, `${reads} reads`)
  await blocks.delete(pool.map(({ cid }) => cid.multihash.bytes))
  t.match(blocks.stats(), { blocks: 0, blockBytes: 0, reservedBytes: 0 })
})

t.test('files that the index does not know', async t => {
  const directory = t.testdir()
  const first = await openAt(t, directory)
  const { cid, bytes } = block(LARGE)
  await first.blocks.put(cid, bytes)
  await first.blocks.delete([cid.multihash.bytes])
  await first.close()
  const leftover = join(directory, 'segments', `00000001-${SLOT}.segment`)
  const unknown = join(directory, 'segments', `000000ff-${SLOT}.segment`)
  await writeFile(leftover, 'what an unlink cut short by a crash leaves')
  await writeFile(unknown, 'blocks of an index that was set back')
  const second = await openAt(t, directory)
  t.notOk(existsSync(leftover), 'a segment that was given back is removed')
  t.ok(existsSync(unknown), 'one the index never made is left alone')
  await second.close()

  await rename(join(directory, 'index'), join(directory, 'index.away'))
  t.match((await openAt(t, directory)).repairs, [{ part: 'index', message: /there is none.* 0 blocks/ }])
  t.notOk(existsSync(unknown), 'one without a block is given back')
})

t.test('a store moves with its files', async t => {
  const directory = t.testdir()
  const before = await openAt(t, join(directory, 'here'))
  const held = [block(10), block(LARGE)]
  for (const { cid, bytes } of held) await before.blocks.put(cid, bytes)
  await before.close()
  await cp(join(directory, 'here'), join(directory, 'there'), { recursive: true })
  const { blocks } = await openAt(t, join(directory, 'there'))
  for (const { cid, bytes } of held) t.equal(Buffer.compare(await blocks.get(cid), bytes), 0)
})

t.test('the quota holds over a restart', async t => {
  const directory = t.testdir()
  const before = await openAt(t, directory, { maxBytes: 16 * MIB })
  for (const { cid, bytes } of [block(LARGE), block(LARGE)]) await before.blocks.put(cid, bytes)
  const { usedBytes, roomBytes } = before.blocks.stats()
  await before.close()
  const { blocks } = await openAt(t, directory, { maxBytes: 16 * MIB })
  const after = blocks.stats()
  t.ok(Math.abs(after.usedBytes - usedBytes) < MIB / 2, `${after.usedBytes} bytes used, ${usedBytes} before`)
  t.ok(
    Math.abs(after.roomBytes - roomBytes) < MIB / 2,
    `room for ${after.roomBytes}, for ${roomBytes} before`,
  )
  await t.rejects(blocks.reserve(after.roomBytes + 1), { code: 'STORAGE_FULL' })
})

t.test('free bytes of the file system are left to others', async t => {
  const directory = t.testdir()
  const { blocks } = await openAt(t, directory, { minFreeDiskBytes: Number.MAX_SAFE_INTEGER })
  t.ok(blocks.stats().freeDiskBytes > 0)
  const { cid, bytes } = block(LARGE)
  await t.rejects(blocks.put(cid, bytes), { code: 'STORAGE_FULL' })
})

t.test('a directory that can not be one', async t => {
  const directory = t.testdir({ file: 'not a directory' })
  await t.rejects(openAt(t, join(directory, 'file')), { code: 'STORAGE_UNREADABLE', message: /file/ })
  await t.rejects(openAt(t, join(directory, 'file', 'below')), { code: 'STORAGE_UNREADABLE' })
})
