import { readFile } from 'node:fs/promises'
import t from 'tap'
import { withGeneratedBlocks } from '../../scripts/generate-readme.ts'

t.test('the README says what the code does: run `npm run generate` where it fails', async t => {
  const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8')
  const [readme, plugin] = await Promise.all([read('README.md'), read('test/fixtures/plugins/nameplate.ts')])
  t.equal(await withGeneratedBlocks(readme), readme)
  t.match(readme, `plugin in ${plugin.trimEnd().split('\n').length} lines`)
})
