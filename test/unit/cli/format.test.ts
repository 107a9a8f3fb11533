import t from 'tap'
import { formatBytes, formatDuration, table } from '../../../core/cli/format.ts'
import { renderProgress } from '../../../core/cli/progress.ts'
import { printable } from '../../../core/printable.ts'

t.test('bytes', async t => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [10_239, '10.0 KiB'],
    [1024 * 1024 - 1, '1.00 MiB'],
    [120 * 1024 * 1024, '120 MiB'],
    [2 ** 60, '1024 PiB'],
  ]
  for (const [bytes, text] of cases) t.equal(formatBytes(bytes), text)
})

t.test('durations', async t => {
  const cases: [number, string][] = [
    [0, '0s'],
    [400, '0s'],
    [59_400, '59s'],
    [200_000, '3m 20s'],
    [3_600_000, '1h'],
    [18_120_000, '5h 2m'],
    [1_047_600_000, '12d 3h'],
  ]
  for (const [milliseconds, text] of cases) t.equal(formatDuration(milliseconds), text)
})

t.test('tables', async t => {
  t.equal(
    table([
      ['a', 'bb', 'c'],
      ['aaa', '', 'long last'],
    ]),
    'a    bb  c\naaa      long last',
  )
})

t.test('progress', async t => {
  const MIB = 1024 * 1024
  const state = { label: 'adding x', bytes: 12 * MIB, totalBytes: 96 * MIB, elapsedMs: 3000 }
  t.equal(renderProgress(state, 80), 'adding x  12.0 MiB of 96.0 MiB (12%)  4.00 MiB/s  21s left')
  const waiting = { label: 'x', waiting: 'looking', bytes: 0, elapsedMs: 5000 }
  t.equal(renderProgress(waiting, 80), 'x  looking  5s', 'nothing has come yet')
  t.match(renderProgress({ ...waiting, bytes: MIB }, 80), /^x {2}1\.00 MiB/)
  t.equal(renderProgress(state, 10), 'adding x  ', 'never wider than the terminal')
  t.equal(renderProgress({ label: 'x', bytes: MIB, elapsedMs: 1000 }, 80), 'x  1.00 MiB  1.00 MiB/s')
  t.equal(
    renderProgress({ label: 'x', bytes: 0, totalBytes: 10, elapsedMs: 0 }, 80),
    'x  0 B of 10 B (0%)  0 B/s',
  )
  t.match(
    renderProgress({ ...state, bytes: 97 * MIB }, 80),
    /\(100%\) {2}\S+ MiB\/s$/,
    'more than was expected',
  )
})

t.test('names can do nothing to a terminal', async t => {
  t.equal(printable('a\u001b[2Jb\nc\u202ed'), 'a\\u001b[2Jb\\u000ac\\u202ed')
  t.equal(printable('näme 日本 😀'), 'näme 日本 😀')
})
