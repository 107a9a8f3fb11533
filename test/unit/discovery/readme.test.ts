import t from 'tap'
import { discoveryError } from '../../../plugins/discovery/errors.ts'
import discovery from '../../../plugins/discovery/index.ts'
import { untold } from '../../helpers/plugin-readme.ts'

t.test('the README names every config key, metric and error', async t => {
  t.same(await untold(discovery, discoveryError.fixes), [])
})
