import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { createMemoryBudget, type Lease } from '../../core/resources/byte-budget.ts'

t.test('bytes are lent up to the limit, the next waits for one to come back', async t => {
  const budget = createMemoryBudget(100)
  const first = await budget.lease(60)
  const second = await budget.lease(40)
  t.equal(budget.usedBytes, 100)
  let third: Lease | undefined
  const waiting = budget.lease(1).then(lease => (third = lease))
  await turn()
  t.equal(third, undefined)
  second.release()
  second.release()
  await waiting
  t.equal(budget.usedBytes, 61)
  first.release()
  third?.release()
  t.equal(budget.usedBytes, 0)
})

t.test('first come, first served: a small lease does not overtake a large one', async t => {
  const budget = createMemoryBudget(100)
  const held = await budget.lease(50)
  const order: string[] = []
  const large = budget.lease(80).then(() => order.push('large'))
  const small = budget.lease(10).then(() => order.push('small'))
  await turn()
  t.strictSame(order, [])
  held.release()
  await Promise.all([large, small])
  t.strictSame(order, ['large', 'small'])
})

t.test('more than the whole budget is lent alone', async t => {
  const budget = createMemoryBudget(100)
  const held = await budget.lease(1)
  const oversize = budget.lease(1000)
  const next = budget.lease(1)
  held.release()
  const lease = await oversize
  t.equal(budget.usedBytes, 1000)
  lease.release()
  await next
  t.equal(budget.usedBytes, 1)
})

t.test('who gives up waiting lets the next in', async t => {
  const budget = createMemoryBudget(100)
  await budget.lease(50)
  const abort = new AbortController()
  const large = budget.lease(80, { signal: abort.signal })
  const small = budget.lease(50)
  const reason = new Error('peer left')
  abort.abort(reason)
  await t.rejects(large, reason)
  await small
  t.equal(budget.usedBytes, 100)
})

t.test('an aborted signal takes nothing; aborting after the grant takes nothing back', async t => {
  const budget = createMemoryBudget(100)
  await t.rejects(budget.lease(1, { signal: AbortSignal.abort() }), { name: 'AbortError' })
  const abort = new AbortController()
  const held = await budget.lease(100)
  const waiting = budget.lease(30, { signal: abort.signal })
  held.release()
  const lease = await waiting
  abort.abort()
  t.equal(budget.usedBytes, 30)
  lease.release()
  t.equal(budget.usedBytes, 0)
})

t.test('what is no number of bytes is refused', async t => {
  const budget = createMemoryBudget(100)
  await t.rejects(budget.lease(Number.NaN), RangeError)
  await t.rejects(budget.lease(-1), RangeError)
  t.equal(budget.usedBytes, 0)
})

const LIMIT = 100
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('lease' as const), bytes: fc.nat(150) }),
    fc.record({ kind: fc.constantFrom('release' as const, 'abort' as const), pick: fc.nat() }),
  ),
  { maxLength: 60 },
)

t.test('property: in any run the limit holds, turns are kept, and nothing is lost', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async run => {
      const budget = createMemoryBudget(LIMIT)
      const held: Lease[] = []
      const granted: number[] = []
      const waiting = new Map<number, AbortController>()
      const check = () => {
        const heldBytes = held.reduce((sum, lease) => sum + lease.bytes, 0)
        const isLone = held.filter(lease => lease.bytes > 0).length <= 1
        if (budget.usedBytes !== heldBytes) throw new Error(`${budget.usedBytes} used, ${heldBytes} held`)
        if (heldBytes > LIMIT && !isLone) throw new Error(`${heldBytes} lent to several`)
      }
      for (const [turnNumber, step] of run.entries()) {
        if (step.kind === 'lease') {
          const abort = new AbortController()
          waiting.set(turnNumber, abort)
          budget.lease(step.bytes, { signal: abort.signal }).then(
            lease => {
              waiting.delete(turnNumber)
              granted.push(turnNumber)
              held.push(lease)
            },
            () => waiting.delete(turnNumber),
          )
        } else if (step.kind === 'release') {
          held.splice(step.pick % (held.length || 1), 1)[0]?.release()
        } else {
          ;[...waiting.values()][step.pick % (waiting.size || 1)]?.abort()
        }
        await turn()
        check()
      }
      for (let lease = held.shift(); lease; lease = held.shift()) {
        lease.release()
        await turn()
        check()
      }
      const inTurn = granted.every((number, index) => index === 0 || number > (granted[index - 1] ?? 0))
      return inTurn && waiting.size === 0 && budget.usedBytes === 0
    }),
    { numRuns: 100 },
  )
})

t.test('a lease that shrinks gives the rest to whoever waits', async t => {
  const budget = createMemoryBudget(10)
  const lease = await budget.lease(10)
  const waiting = budget.lease(6)
  lease.shrink(12)
  t.equal(lease.bytes, 10, 'it never grows')
  lease.shrink(4)
  t.equal((await waiting).bytes, 6)
  t.match({ held: lease.bytes, used: budget.usedBytes }, { held: 4, used: 10 })
  lease.release()
  lease.shrink(1)
  lease.release()
  t.equal(budget.usedBytes, 6)
})
