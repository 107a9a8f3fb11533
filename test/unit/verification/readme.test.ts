import t from 'tap'
import { verificationError } from '../../../plugins/verification/errors.ts'
import verification from '../../../plugins/verification/index.ts'
import { untold } from '../../helpers/plugin-readme.ts'

t.test('the README names every config key, metric and error', async t => {
  t.same(await untold(verification, verificationError.fixes), [])
})
