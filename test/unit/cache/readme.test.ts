import t from 'tap'
import cache from '../../../plugins/cache/index.ts'
import { untold } from '../../helpers/plugin-readme.ts'

t.test('the README names every config key and metric', async t => {
  t.same(await untold(cache), [])
})
