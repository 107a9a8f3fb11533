import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { createEvents } from '../../core/events.ts'

const READY = { phase: 'ready' } as const

function create() {
  const errors: [error: unknown, event: string][] = []
  return { errors, events: createEvents((error, event) => errors.push([error, event])) }
}

t.test('listeners hear their event, in order, before emit returns, until they leave', async t => {
  const { events } = create()
  const heard: string[] = []
  const leave = events.on('node:phase', ({ phase }) => void heard.push(`first ${phase}`))
  events.on('node:phase', ({ phase }) => void heard.push(`second ${phase}`))
  events.on('content:pinned', () => void heard.push('other'))
  events.emit('node:phase', READY)
  t.strictSame(heard, ['first ready', 'second ready'])
  leave()
  leave()
  events.emit('node:phase', { phase: 'stopping' })
  t.strictSame(heard.slice(2), ['second stopping'])
})

t.test('a listener that fails, at once or later, is told of and stops nobody', async t => {
  const { events, errors } = create()
  const thrown = new Error('thrown')
  const rejected = new Error('rejected')
  let heard = 0
  events.on('node:phase', () => {
    throw thrown
  })
  events.on('node:phase', async () => {
    await turn()
    throw rejected
  })
  events.on('node:phase', () => void heard++)
  events.emit('node:phase', READY)
  t.equal(heard, 1)
  await turn()
  await turn()
  t.strictSame(errors, [
    [thrown, 'node:phase'],
    [rejected, 'node:phase'],
  ])
})

t.test('an event without listeners is nothing', async t => {
  const { events, errors } = create()
  events.emit('node:phase', READY)
  t.strictSame(errors, [])
})

t.test('who comes during an event hears the next, who leaves hears no more', async t => {
  const { events } = create()
  const heard: string[] = []
  events.on('node:phase', () => {
    leave()
    events.on('node:phase', () => void heard.push('newcomer'))
  })
  const leave = events.on('node:phase', () => void heard.push('leaver'))
  events.emit('node:phase', READY)
  t.strictSame(heard, [])
  events.emit('node:phase', READY)
  t.strictSame(heard, ['newcomer'])
})

t.test('the same function twice is two listeners', async t => {
  const { events } = create()
  let heard = 0
  const listener = () => void heard++
  const leave = events.on('node:phase', listener)
  events.on('node:phase', listener)
  events.emit('node:phase', READY)
  t.equal(heard, 2)
  leave()
  events.emit('node:phase', READY)
  t.equal(heard, 3)
})
