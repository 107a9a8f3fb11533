import { spawnSync } from 'node:child_process'
import { hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import t from 'tap'
import { HashThread } from '../../../core/content/hash-thread.ts'
import { freshBytes } from '../../../core/owned-bytes.ts'

const KiB = 1024

function block(bytes: number): Uint8Array {
  const fresh = freshBytes(bytes)
  fresh.set(randomBytes(bytes))
  return fresh
}

t.test('blocks come back whole, with what they hash and sum to, whichever is first', async t => {
  const thread = new HashThread()
  const blocks = [1024 * KiB, 128 * KiB, 1024 * KiB, 300 * KiB + 7].map(block)
  const copies = blocks.map(bytes => Buffer.from(bytes))
  const hashed = await Promise.all(blocks.map(bytes => thread.hash(bytes)))
  for (const [at, copy] of copies.entries()) {
    t.equal(blocks[at]?.length, 0, 'the caller has nothing left')
    t.ok(copy.equals(hashed[at]?.bytes ?? copy.subarray(1)))
    t.strictSame(hashed[at]?.sha256, new Uint8Array(hash('sha256', copy, 'buffer')))
    t.equal(hashed[at]?.crc32, crc32(copy))
  }
})

t.test('it takes none that share their memory, or are small', async t => {
  const thread = new HashThread()
  t.equal(thread.takes(new Uint8Array(128 * KiB)), true)
  t.equal(thread.takes(new Uint8Array(128 * KiB - 1)), false)
  t.equal(thread.takes(new Uint8Array(256 * KiB).subarray(1)), false)
  t.equal(thread.takes(new Uint8Array(new SharedArrayBuffer(256 * KiB))), false)
})

t.test('a thread with nothing to do keeps no process alive', async t => {
  const module = new URL('../../../core/content/hash-thread.ts', import.meta.url)
  const program = `import { HashThread } from '${module}'
    const { crc32 } = await new HashThread().hash(new Uint8Array(1048576))
    console.log(crc32)`
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  })
  t.equal(status, 0)
  t.equal(Number(stdout), crc32(new Uint8Array(1048576)))
})
