import t from 'tap'
import { routingError } from '../../../plugins/routing/errors.ts'
import routing from '../../../plugins/routing/index.ts'
import { untold } from '../../helpers/plugin-readme.ts'

t.test('the README names every config key, metric and error', async t => {
  t.same(await untold(routing, routingError.fixes), [])
})
