import t from 'tap'
import { untilAborted } from '../../core/until-aborted.ts'

t.test('it ends as the promise does', async t => {
  const { signal } = new AbortController()
  t.equal(await untilAborted(Promise.resolve(1), signal), 1)
  t.equal(await untilAborted(Promise.resolve(1), undefined), 1)
  await t.rejects(untilAborted(Promise.reject(new Error('no')), signal), { message: 'no' })
})

t.test('it ends with the reason of the abort, and what comes later is heard by nobody', async t => {
  const unhandled: unknown[] = []
  const onUnhandled = (error: unknown): void => void unhandled.push(error)
  process.on('unhandledRejection', onUnhandled)
  t.teardown(() => process.off('unhandledRejection', onUnhandled))
  const reason = new Error('enough')
  const before = Promise.withResolvers<never>()
  await t.rejects(untilAborted(before.promise, AbortSignal.abort(reason)), reason)
  const controller = new AbortController()
  const after = Promise.withResolvers<never>()
  const waiting = untilAborted(after.promise, controller.signal)
  controller.abort(reason)
  await t.rejects(waiting, reason)
  before.reject(new Error('later'))
  after.reject(new Error('later'))
  // Unhandled rejections are told before the next turn of the event loop.
  await new Promise(resolve => setImmediate(resolve))
  t.same(unhandled, [])
})
