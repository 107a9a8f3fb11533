import { readFile } from 'node:fs/promises'
import t from 'tap'
import { storageError } from '../../../core/storage/errors.ts'

t.test('the README names every error', async t => {
  const readme = await readFile(new URL('../../../core/storage/README.md', import.meta.url), 'utf8')
  const named = [...readme.matchAll(/^\| `([A-Z_]+)` *\|/gm)].map(([, code]) => code)
  t.same(named, Object.keys(storageError.fixes))
})
