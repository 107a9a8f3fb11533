import { readFile } from 'node:fs/promises'
import { relative, resolve } from 'node:path'
import t from 'tap'
import { generateWire } from '../../scripts/generate-wire.ts'

const root = resolve(import.meta.dirname, '../..')

t.test('generated wire code is what its schemas make', async t => {
  const target = t.testdir()
  const paths = await generateWire(root, target)
  t.ok(paths.length > 0, 'there are schemas')
  for (const path of paths) {
    const name = relative(target, path)
    const [fresh, kept] = await Promise.all([readFile(path, 'utf8'), readFile(resolve(root, name), 'utf8')])
    t.equal(kept, fresh, `${name} is fresh; run npm run generate where it isn't`)
  }
})
