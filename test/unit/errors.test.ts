import t from 'tap'
import { defineErrors, isSkepError, messageOf, SkepError } from '../../core/errors.ts'

const diskError = defineErrors({ DISK_FULL: 'Make room.', DISK_GONE: 'Plug it in.' })

t.test('an error has its code, message, fix and cause', async t => {
  const cause = new Error('ENOSPC')
  const error = diskError('DISK_FULL', 'no room for 5 bytes', { cause })
  t.ok(error instanceof SkepError)
  t.match(error, {
    name: 'SkepError',
    code: 'DISK_FULL',
    message: 'no room for 5 bytes',
    fix: 'Make room.',
    cause,
  })
  t.match(error.stack, 'SkepError: no room for 5 bytes')
})

t.test('the fixes of a module are there to document, and frozen', async t => {
  t.strictSame(diskError.fixes, { DISK_FULL: 'Make room.', DISK_GONE: 'Plug it in.' })
  t.ok(Object.isFrozen(diskError.fixes))
})

t.test('errors are told apart by code', async t => {
  const error: unknown = diskError('DISK_GONE', 'sda is gone')
  t.ok(isSkepError(error))
  t.ok(isSkepError(error, 'DISK_FULL', 'DISK_GONE'))
  t.notOk(isSkepError(error, 'DISK_FULL'))
  t.notOk(isSkepError(Object.assign(new Error('not ours'), { code: 'DISK_GONE' }), 'DISK_GONE'))
  t.notOk(isSkepError(undefined))
})

t.test('anything thrown has a text', async t => {
  t.equal(messageOf(new Error('sorry')), 'sorry')
  t.equal(messageOf('sorry'), 'sorry')
  t.equal(messageOf(undefined), 'undefined')
})
