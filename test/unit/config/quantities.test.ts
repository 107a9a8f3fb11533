import fc from 'fast-check'
import t from 'tap'
import { formatBytes, formatDuration, parseBytes, parseDuration } from '../../../core/config/quantities.ts'

const whole = fc.oneof(fc.maxSafeNat(), fc.nat(), fc.nat(5000))
const scaled = fc
  .tuple(fc.nat(4000), fc.constantFrom(1, 1000, 1024, 60_000, 1000 ** 3, 1024 ** 3))
  .map(([count, factor]) => count * factor)

t.test('bytes', async t => {
  const table: readonly [text: string, bytes: number | undefined][] = [
    ['0', 0],
    ['4096', 4096],
    ['64MiB', 64 * 1024 ** 2],
    ['64 MiB', 64 * 1024 ** 2],
    ['64mib', 64 * 1024 ** 2],
    ['2GB', 2e9],
    ['1.5GiB', 1.5 * 1024 ** 3],
    ['1kB', 1000],
    ['1TiB', 1024 ** 4],
    ['', undefined],
    ['MiB', undefined],
    ['-1MiB', undefined],
    ['1e3', undefined],
    ['5 parsecs', undefined],
    ['64M', undefined],
    ['1.1GB', 1_100_000_000],
    ['1.1GiB', 1_181_116_006],
    ['1MiB ', undefined],
    ['9999999TiB', undefined],
  ]
  for (const [text, bytes] of table) t.equal(parseBytes(text), bytes, JSON.stringify(text))
})

t.test('durations', async t => {
  const table: readonly [text: string, durationMs: number | undefined][] = [
    ['250', 250],
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5s', 1500],
    ['10m', 600_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['1h30m', undefined],
    ['10 minutes', undefined],
    ['0.1s', 100],
    ['-1s', undefined],
  ]
  for (const [text, durationMs] of table) t.equal(parseDuration(text), durationMs, JSON.stringify(text))
})

t.test('what is written reads back as it was', async t => {
  fc.assert(fc.property(fc.oneof(whole, scaled), bytes => parseBytes(formatBytes(bytes)) === bytes))
  fc.assert(fc.property(fc.oneof(whole, scaled), ms => parseDuration(formatDuration(ms)) === ms))
  t.equal(formatBytes(64 * 1024 ** 2), '64MiB')
  t.equal(formatBytes(20e9), '20GB')
  t.equal(formatBytes(4097), '4097B')
  t.equal(formatDuration(90_000), '90s')
  t.equal(formatDuration(86_400_000), '1d')
  t.equal(formatDuration(1500), '1500ms')
})

t.test('any text is a quantity or it is not', async () => {
  fc.assert(
    fc.property(fc.string(), text => {
      const bytes = parseBytes(text)
      return bytes === undefined || (Number.isSafeInteger(bytes) && bytes >= 0)
    }),
  )
})
