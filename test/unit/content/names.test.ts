import t from 'tap'
import { EntryNames } from '../../../core/content/names.ts'

/** Fills a directory as far as it goes, or to `count`. */
function fill(names: EntryNames, count: number): void {
  for (let at = 0; at < count; at++) names.add(`${at}`)
}

t.test('an export holds so many names of a directory, and of those it lies in', async t => {
  const outermost = new EntryNames('directory a', 0)
  fill(outermost, 200_000)
  t.throws(() => outermost.add('more'), {
    code: 'DAG_INVALID',
    message: /directory a has over 200000 entries/,
  })
  const outer = new EntryNames('directory b', 0, outermost)
  fill(outer, 150_000)
  const inner = new EntryNames('directory c', 0, outer)
  fill(inner, 50_000)
  t.throws(() => inner.add('more'), {
    code: 'DAG_INVALID',
    message: /directory c and the directories it lies in have over 400000 entries/,
  })
  fill(new EntryNames('directory d', 0, outermost), 200_000)
})

t.test('an export is within so many links at a time', async t => {
  const outer = new EntryNames('directory a', 50_000)
  t.throws(() => new EntryNames('directory b', 20_000, outer), {
    code: 'DAG_INVALID',
    message: 'directory b and what it lies in have over 65536 links',
  })
  new EntryNames('directory c', 15_000, outer)
})
