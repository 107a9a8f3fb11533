import t from 'tap'
import { discard, freshBytes } from '../../core/owned-bytes.ts'

const MiB = 1024 * 1024

t.test('what is discarded is empty, and serves the next, up to a bound', async t => {
  const blocks = Array.from({ length: 20 }, () => freshBytes(MiB).fill(7))
  for (const block of blocks) discard(block)
  for (const block of blocks) t.equal(block.length, 0)
  const next = Array.from({ length: 20 }, () => freshBytes(MiB))
  t.equal(new Set(next.map(({ buffer }) => buffer)).size, 20, 'none serves two')
  t.equal(next.filter(bytes => bytes[0] === 7 && bytes[MiB - 1] === 7).length, 8)
  for (const bytes of next) t.equal(bytes.length, MiB)
})

t.test('what shares its memory, and what is small, is left alone', async t => {
  const whole = new Uint8Array(MiB)
  discard(whole.subarray(1))
  const small = new Uint8Array(1024)
  discard(small)
  t.equal(whole.length, MiB)
  t.equal(small.length, 1024)
})
