import t from 'tap'
import {
  containerError,
  createRootContainer,
  find,
  lend,
  nameOf,
  provide,
  token,
  use,
} from '../../core/container.ts'

const Clock = token<{ now(): number }>('clock')
const clock = { now: () => 1 }

t.test('a service is found by its token, here and in children', async t => {
  const root = createRootContainer()
  provide(root, Clock, clock)
  t.equal(use(root, Clock), clock)
  t.equal(use(root.createChildContainer(), Clock), clock)
})

t.test('what a child registers stays with it', async t => {
  const root = createRootContainer()
  const child = root.createChildContainer()
  provide(child, Clock, clock)
  t.equal(find(root, Clock), undefined)
  t.equal(find(root.createChildContainer(), Clock), undefined)
})

t.test('two roots share nothing', async t => {
  provide(createRootContainer(), Clock, clock)
  t.equal(find(createRootContainer(), Clock), undefined)
})

t.test('what is absent is undefined where it is wanted, an error where it is required', async t => {
  const root = createRootContainer()
  t.equal(find(root, Clock), undefined)
  const fix = containerError.fixes.SERVICE_ABSENT
  t.throws(() => use(root, Clock), { code: 'SERVICE_ABSENT', message: 'nobody provides clock', fix })
})

t.test('a lent service can be taken back, and lent anew', async t => {
  const root = createRootContainer()
  const takeBack = lend(root, Clock, clock)
  t.equal(use(root, Clock), clock)
  takeBack()
  t.equal(find(root, Clock), undefined)
  t.throws(() => use(root, Clock), { code: 'SERVICE_ABSENT' })
  const other = { now: () => 2 }
  lend(root, Clock, other)
  takeBack()
  t.equal(use(root, Clock), other)
})

t.test('a token is its name, so that plugins that never met mean the same', async t => {
  t.equal(token('clock'), Clock)
  t.not(token('clocks'), Clock)
  t.equal(nameOf(Clock), 'clock')
  t.equal(nameOf(Symbol()), 'unnamed service')
})
