import { randomBytes } from 'node:crypto'
import { rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { UncachedReader } from '../../../core/storage/uncached-reader.ts'

const KIB = 1024
const PAGE = 4 * KIB

t.test('any range of a file, past the page cache', async t => {
  const path = join(t.testdir(), 'file')
  const bytes = randomBytes(3 * 1024 * KIB + 1234)
  await writeFile(path, bytes, { flush: true })
  const reader = new UncachedReader()
  for (const [offset, length] of [
    [0, 1],
    [128, 2048 * KIB],
    [PAGE + 128, 32 * KIB - 128],
    [2 * PAGE - 1, 2],
    [bytes.length - 5000, 5000],
    [bytes.length - 5000, 9000],
    [bytes.length - 1, 10],
    [bytes.length, 10],
    [bytes.length + 10 * PAGE, 10],
  ] as const) {
    const read = await reader.read(path, offset, length)
    if (!read) throw new Error('this file system should be able to')
    t.equal(Buffer.compare(read, bytes.subarray(offset, offset + length)), 0, `${length} at ${offset}`)
    t.equal(read.byteLength, read.buffer.byteLength, 'a buffer of its own')
  }
})

t.test('several at a time get their own bytes', async t => {
  const path = join(t.testdir(), 'file')
  const bytes = randomBytes(64 * PAGE)
  await writeFile(path, bytes, { flush: true })
  const reader = new UncachedReader()
  const reads = Array.from({ length: 16 }, (_, n) => reader.read(path, n * 3 * PAGE, 2 * PAGE))
  for (const [n, read] of (await Promise.all(reads)).entries()) {
    t.equal(Buffer.compare(read ?? Buffer.of(), bytes.subarray(n * 3 * PAGE, (n * 3 + 2) * PAGE)), 0)
  }
})

t.test('a file that is gone fails; what can not be read so gives nothing', async t => {
  const path = join(t.testdir(), 'file')
  const reader = new UncachedReader()
  await t.rejects(reader.read(path, 0, 10), { code: 'ENOENT' })
  await symlink('/proc/self/stat', path)
  t.equal(await reader.read(path, 0, 10), undefined)
  await rm(path)
  await writeFile(path, 'hello', { flush: true })
  t.equal(Buffer.from((await reader.read(path, 0, 10)) ?? []).toString(), 'hello', 'it goes on')
})
