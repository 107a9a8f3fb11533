import t from 'tap'
import { reputationError } from '../../../plugins/reputation/errors.ts'
import reputation from '../../../plugins/reputation/index.ts'
import { untold } from '../../helpers/plugin-readme.ts'

t.test('the README names every config key, metric and error', async t => {
  t.same(await untold(reputation, reputationError.fixes), [])
})
