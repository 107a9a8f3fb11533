import t from 'tap'
import { natError } from '../../../plugins/nat/errors.ts'
import nat from '../../../plugins/nat/index.ts'
import { untold } from '../../helpers/plugin-readme.ts'

t.test('the README names every config key, metric and error', async t => {
  t.same(await untold(nat, natError.fixes), [])
})
