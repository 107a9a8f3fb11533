import { readFile } from 'node:fs/promises'
import t from 'tap'

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8')

/** A fenced block of TypeScript in Markdown. */
const BLOCK = /^```ts\n([\s\S]*?)^```$/gm

t.test('the README quotes the example plugin word for word, and it has the length it says', async t => {
  const [readme, plugin] = await Promise.all([read('README.md'), read('test/fixtures/plugins/nameplate.ts')])
  const quoted = [...readme.matchAll(BLOCK)]
    .map(([, code]) => code)
    .find(code => code?.includes("name: 'nameplate'"))
  t.equal(quoted, plugin)
  t.match(readme, `plugin in ${plugin.trimEnd().split('\n').length} lines`)
})
