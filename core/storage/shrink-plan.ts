import type { Segment, Slot } from './slots.ts'

/** A live block on its way from one segment's end to a free slot of the same size. */
export interface Move {
  readonly from: Slot
  readonly to: Slot
}

export interface ShrinkPlan {
  /** Files that have free slots at their end, in the order to cut them. */
  readonly cuts: readonly Segment[]
  /** What to move where no cut gives enough: out of one segment, its last slots first. */
  readonly moves: readonly Move[]
}

export interface ShrinkGoal {
  readonly wantedBytes: number
  /** Of one plan, so that other work gets its turn. */
  readonly maxMovedBytes: number
}

const NOTHING: ShrinkPlan = { cuts: [], moves: [] }

/**
 * How to make segment files shorter. Free slots at their ends are cut off, the longest rows first. Where there are none,
 * the emptiest segment whose last blocks find a place elsewhere gives them away, which the next plan can cut.
 */
export function planShrink(
  segments: Iterable<Segment>,
  { wantedBytes, maxMovedBytes }: ShrinkGoal,
): ShrinkPlan {
  const held = [...segments].filter(({ sealed, retired }) => !sealed && !retired)
  const tails = held
    .map(segment => ({ segment, bytes: (segment.lengthSlots - segment.endSlot) * segment.slotBytes }))
    .filter(({ segment, bytes }) => bytes > 0 && !segment.shrinking)
    .sort((a, b) => b.bytes - a.bytes)
  if (tails.length > 0) {
    let bytes = 0
    const cuts = tails.flatMap(tail => {
      if (bytes >= wantedBytes) return []
      bytes += tail.bytes
      return tail.segment
    })
    return { cuts, moves: [] }
  }
  const emptiestFirst = held
    .filter(({ freeSlots, shrinking }) => freeSlots > 0 && !shrinking)
    .sort((a, b) => a.takenSlots / a.lengthSlots - b.takenSlots / b.lengthSlots)
  for (const segment of emptiestFirst) {
    const mates = held.filter(
      mate => mate !== segment && mate.sizeClass === segment.sizeClass && !mate.shrinking,
    )
    const moves = planMoves(segment, mates, { wantedBytes, maxMovedBytes })
    if (moves.length > 0) return { cuts: [], moves }
  }
  return NOTHING
}

/** Blocks at the end of `segment`, and free slots of others or nearer to its beginning. */
function planMoves(
  segment: Segment,
  mates: readonly Segment[],
  { wantedBytes, maxMovedBytes }: ShrinkGoal,
): Move[] {
  const { slotBytes } = segment
  const targets = freeSlotsOf(segment, mates)
  const liveSlots = segment.takenSlots - segment.quarantined.size
  const drains = liveSlots <= mates.reduce((slots, { freeSlots }) => slots + freeSlots, 0)
  const moves: Move[] = []
  let [movedBytes, freedBytes] = [0, 0]
  for (let position = segment.endSlot - 1; position >= 0; position--, freedBytes += slotBytes) {
    if (freedBytes >= wantedBytes || movedBytes + slotBytes > Math.max(slotBytes, maxMovedBytes)) break
    if (!segment.isTaken(position)) continue
    // A bad slot stays until nothing else is in the segment: worth the way there is where all find a place elsewhere.
    if (segment.quarantined.has(position) && drains) continue
    if (isFixed(segment, position)) break
    const { value: to } = targets.next()
    if (!to || (to.segment === segment.id && to.position > position)) break
    moves.push({ from: { segment: segment.id, position }, to })
    movedBytes += slotBytes
  }
  return moves
}

/** Those of the fullest segments first, its own last: each lowest first. */
function* freeSlotsOf(segment: Segment, mates: readonly Segment[]): Generator<Slot, undefined> {
  for (const mate of [...mates.toSorted((a, b) => b.takenSlots - a.takenSlots), segment]) {
    for (let position = 0; position < mate.endSlot; position++) {
      if (!mate.isTaken(position)) yield { segment: mate.id, position }
    }
  }
}

function isFixed({ arriving, leaving, quarantined, stuck }: Segment, position: number): boolean {
  return [arriving, leaving, quarantined, stuck].some(set => set.has(position))
}
