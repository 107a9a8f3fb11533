/** One way of asking, in a race of several. */
export interface Runner {
  /** When it may begin at the latest, from the beginning of the race on. */
  readonly delayMs: number
  readonly state: 'waiting' | 'asking' | 'done'
}

export interface RaceState {
  readonly elapsedMs: number
  readonly found: number
  /** From so many on nobody begins any more. */
  readonly enough: number
}

export interface RacePlan {
  /** Which of the runners begin now. */
  readonly start: readonly number[]
  /** When to look again, where nothing happens before; undefined: not by time. */
  readonly waitMs: number | undefined
}

/**
 * A race with rising cost: runners stand in the order of what they cost. One begins when its delay has passed, or as soon as
 * all before it are done and have found nobody.
 */
export function planRace(runners: readonly Runner[], { elapsedMs, found, enough }: RaceState): RacePlan {
  if (found >= enough) return { start: [], waitMs: undefined }
  const start: number[] = []
  let waitMs: number | undefined
  let isAloneSoFar = true
  for (const [index, { delayMs, state }] of runners.entries()) {
    if (state === 'waiting') {
      const leftMs = isAloneSoFar && found === 0 ? 0 : delayMs - elapsedMs
      if (leftMs <= 0) start.push(index)
      else waitMs = Math.min(waitMs ?? leftMs, leftMs)
    }
    if (state !== 'done') isAloneSoFar = false
  }
  return { start, waitMs }
}
