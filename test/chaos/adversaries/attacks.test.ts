import { readdir } from 'node:fs/promises'
import t from 'tap'
import { attacks } from './attacks.ts'

t.test('every group of attacks has a test file', async t => {
  const files = await readdir(import.meta.dirname)
  const tests = files.filter(name => name.endsWith('.test.ts') && name !== 'attacks.test.ts')
  t.same(
    tests.sort(),
    Object.keys(attacks)
      .map(name => `${name}.test.ts`)
      .sort(),
  )
})

t.test('every attack has a name of its own, and texts that fit in a line of a table', async t => {
  const all = Object.values(attacks).flatMap(group => group.attacks)
  t.equal(new Set(all.map(({ name }) => name)).size, all.length)
  for (const { name, what, limit, result } of all) {
    for (const text of [name, what, limit, result]) t.notMatch(text, /[|\n]|^$/)
  }
})
