import fc from 'fast-check'
import t from 'tap'
import { planShrink } from '../../../core/storage/shrink-plan.ts'
import { slotBytesOf } from '../../../core/storage/size-classes.ts'
import { emptyRecord, Segment, setBit } from '../../../core/storage/slots.ts'

const CLASSES = [0, 8, 20]
const GOAL = { wantedBytes: 512 * 1024, maxMovedBytes: 2 * 1024 * 1024 }

interface Shape {
  readonly sizeClass: number
  readonly taken: readonly boolean[]
  readonly quarantined: readonly number[]
}

const shape: fc.Arbitrary<Shape> = fc.record({
  sizeClass: fc.constantFrom(...CLASSES),
  taken: fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
  quarantined: fc.array(fc.nat(19), { maxLength: 2 }),
})

function segmentOf({ sizeClass, taken, quarantined }: Shape, id: number): Segment {
  const record = emptyRecord(sizeClass)
  for (const [position, isTaken] of taken.entries()) setBit(record.bitmap, position, isTaken)
  const segment = new Segment(id, record, taken.length * slotBytesOf(sizeClass))
  for (const position of quarantined) if (taken[position]) segment.quarantined.add(position)
  return segment
}

const bytesOf = (segments: Iterable<Segment>): number =>
  [...segments].reduce((bytes, { lengthSlots, slotBytes }) => bytes + lengthSlots * slotBytes, 0)

/** Does what the plan says; throws where it can't be done. */
function carryOut(segments: Map<number, Segment>, { cuts, moves }: ReturnType<typeof planShrink>): void {
  for (const segment of cuts) {
    if (segment.endSlot === segment.lengthSlots) throw new Error('a cut that cuts nothing')
    segment.resize(segment.endSlot)
  }
  for (const { from, to } of moves) {
    const [source, target] = [segments.get(from.segment), segments.get(to.segment)]
    if (!source || !target || source.sizeClass !== target.sizeClass) throw new Error('a move between classes')
    if (!source.isTaken(from.position) || source.quarantined.has(from.position))
      throw new Error('a move of nothing')
    if (to.position >= target.lengthSlots || target.isTaken(to.position))
      throw new Error('a move to no free slot')
    target.take(to.position)
    target.arriving.delete(to.position)
  }
  for (const { from } of moves) segments.get(from.segment)?.free(from.position)
  for (const [id, segment] of segments) if (segment.takenSlots > 0 && segment.abandoned) segments.delete(id)
}

t.test('every free slot can be given back, in bounded slices, and no live one is lost', async t => {
  fc.assert(
    fc.property(fc.array(shape, { maxLength: 8 }), shapes => {
      const segments = new Map(shapes.map((shape, id) => [id, segmentOf(shape, id)]))
      const live = (): Record<number, number> => {
        const counts: Record<number, number> = {}
        for (const { sizeClass, takenSlots, quarantined } of segments.values()) {
          counts[sizeClass] = (counts[sizeClass] ?? 0) + takenSlots - quarantined.size
        }
        return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
      }
      const before = live()
      const bound = 1 + [...segments.values()].reduce((sum, { lengthSlots }) => sum + 2 * lengthSlots, 0)
      for (let step = 0; ; step++) {
        if (step > bound) throw new Error('a plan without end')
        const plan = planShrink(segments.values(), GOAL)
        if (plan.cuts.length + plan.moves.length === 0) break
        const movedBytes = plan.moves.reduce(
          (sum, { from }) => sum + (segments.get(from.segment)?.slotBytes ?? 0),
          0,
        )
        if (movedBytes > GOAL.maxMovedBytes) throw new Error(`${movedBytes} bytes at a time`)
        const lengthBefore = bytesOf(segments.values())
        carryOut(segments, plan)
        if (bytesOf(segments.values()) > lengthBefore) throw new Error('it grew')
      }
      t.same(live(), before)
      // What is left over lies before a bad slot, which only goes with its segment.
      for (const segment of segments.values()) {
        if (segment.quarantined.size === 0 && segment.freeSlots > 0) return false
      }
      return true
    }),
    { numRuns: 300 },
  )
})

t.test('the cheapest goes first', async t => {
  const tail = segmentOf({ sizeClass: 0, taken: [true, false, false], quarantined: [] }, 1)
  const longer = segmentOf({ sizeClass: 8, taken: [true, false, false], quarantined: [] }, 2)
  const hole = segmentOf({ sizeClass: 20, taken: [false, true], quarantined: [] }, 3)
  t.same(planShrink([tail, longer, hole], { ...GOAL, wantedBytes: 1 }), { cuts: [longer], moves: [] })
  t.same(planShrink([tail, longer, hole], GOAL).cuts, [longer, tail], 'ends are cut before anything moves')

  const [emptiest, other] = [
    segmentOf({ sizeClass: 0, taken: [false, false, false, true], quarantined: [] }, 4),
    segmentOf({ sizeClass: 0, taken: [false, true, true, true], quarantined: [] }, 5),
  ]
  t.same(
    planShrink([other, emptiest, hole], { ...GOAL, wantedBytes: 1 }).moves,
    [{ from: { segment: 4, position: 3 }, to: { segment: 5, position: 0 } }],
    'out of the emptiest segment, into the fullest',
  )
})

t.test('what is in flux stays where it is', async t => {
  for (const set of ['arriving', 'leaving', 'stuck'] as const) {
    const segment = segmentOf({ sizeClass: 0, taken: [false, true], quarantined: [] }, 1)
    t.equal(planShrink([segment], GOAL).moves.length, 1)
    segment[set].add(1)
    t.same(planShrink([segment], GOAL), { cuts: [], moves: [] }, set)
  }
  for (const flag of ['sealed', 'retired', 'shrinking'] as const) {
    const segment = segmentOf({ sizeClass: 0, taken: [false, true, false], quarantined: [] }, 1)
    segment[flag] = true
    t.same(planShrink([segment], GOAL), { cuts: [], moves: [] }, flag)
  }
})
