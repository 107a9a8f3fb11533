import t from 'tap'
import { makeBundle } from '../../scripts/package/bundle.ts'

t.test('no package asks for a file beside it, as there are none in an executable', async t => {
  const { code } = await makeBundle()
  t.notMatch(code, /\("[./]*package\.json"\)/)
})
