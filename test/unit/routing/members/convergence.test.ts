import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import {
  cidOfHash,
  connect,
  createMembersNode,
  HashStore,
  hashOf,
  type MembersNode,
  part,
  type Run,
  when,
} from '../../../helpers/members-node.ts'

const BLOCKS = 1500
const NUMBERS = Array.from({ length: BLOCKS }, (_, number) => number)
/** None of the blocks that come and go. */
const LAST = 1_000_000

interface Side {
  readonly store: HashStore
  readonly node: MembersNode
  run: Run
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('put'), from: fc.nat(BLOCKS), count: fc.nat(600) }) },
  {
    weight: 6,
    arbitrary: fc.record({ op: fc.constant('delete'), from: fc.nat(BLOCKS), count: fc.nat(600) }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('turns'), from: fc.nat(1), count: fc.nat(40) }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constantFrom('reconnect', 'restart'), from: fc.nat(1), count: fc.nat(20) }),
  },
)

t.test('what members know of each other becomes the truth, whatever happened', async t => {
  let last = LAST
  const sides = await Promise.all([side(), side()])
  const [one, two] = sides
  await connect(one.node, two.node)

  async function side(): Promise<Side> {
    const store = new HashStore()
    const node = await createMembersNode(t, { blocks: store })
    return { store, node, run: await node.run() }
  }

  const play = async (op: string, from: number, count: number, side: Side): Promise<void> => {
    if (op === 'put') for (let at = 0; at < count; at++) side.store.put(hashOf((from + at) % BLOCKS))
    if (op === 'delete') for (let at = 0; at < count; at++) side.store.delete(hashOf((from + at) % BLOCKS))
    if (op === 'turns') for (let turn = 0; turn < count; turn++) await nextTurn()
    if (op === 'restart') side.run = await side.node.run()
    if (op === 'reconnect') {
      await part(one.node, two.node)
      for (let turn = 0; turn < count; turn++) await nextTurn()
      await connect(two.node, one.node)
    }
  }

  const agree = async (reader: Side, holder: Side, sentinel: number): Promise<void> => {
    const peer = holder.node.port.self
    const { index } = reader.run
    const holds = (number: number): boolean => index.providersOf(cidOfHash(hashOf(number))).length === 1
    const isRight = (number: number): boolean => holds(number) === holder.store.has(cidOfHash(hashOf(number)))
    // A snapshot may bring the last block before the changes that came while it was told.
    await when(
      index,
      () =>
        holds(sentinel) &&
        index.mayHave(peer, hashOf(LAST - 1)) === false &&
        index.describe().blocks === holder.store.stats().blocks &&
        NUMBERS.every(isRight),
    )
  }

  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(step, fc.boolean()), { minLength: 3, maxLength: 12 }), async steps => {
      for (const [{ op, from, count }, first] of steps) await play(op, from, count, first ? one : two)
      last += 1
      for (const { store } of sides) store.put(hashOf(last))
      await agree(one, two, last)
      await agree(two, one, last)
    }),
    { numRuns: 12 },
  )
  t.ok(last > LAST)
})
