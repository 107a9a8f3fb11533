import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from '../../../core/api.ts'
import { membersError } from './errors.ts'
import type { Holdings } from './holdings.ts'
import type { Telling } from './telling.ts'

export interface SnapshotWalksDependencies {
  readonly holdings: Pick<Holdings, 'blocks' | 'slice'>
  readonly log: Logger
  /** A reader is about to be told all. */
  snapshot(): void
  /** Monotonic milliseconds. */
  now(): number
}

/** A walk rests so many times as long as it works: all of them may take a quarter of the processor, whatever that is. */
const REST_FACTOR = 3

/** A reader that takes longer for a part goes its own way. Most of them take many parts at once, without a wait. */
const MAX_LAG_MS = 1000

/** What a reader was sent. */
interface Sending {
  readonly reader: Telling
  readonly snapshot: Telling['snapshot']
  /** True once it has taken it and it was the last. */
  readonly isDone: Promise<boolean>
}

type Place = Uint8Array | undefined

/**
 * Tells readers all that is held. One walk through the store serves all who need a snapshot when it begins; others wait for the
 * next. A laggard leaves it, and goes on from where it is on a walk of its own: it holds up nobody, and begins nothing again.
 */
export class SnapshotWalks {
  readonly #deps: SnapshotWalksDependencies
  readonly #waiting = new Set<Telling>()
  readonly #stopping = new AbortController()
  /** The one that others wait for. */
  #main: Promise<void> | undefined
  /** Of laggards: one a reader. */
  readonly #aside = new Set<Promise<void>>()
  /** Of the walks one works, or rests, at a time. */
  #rest: Promise<unknown> = Promise.resolve()

  constructor(deps: SnapshotWalksDependencies) {
    this.#deps = deps
  }

  /** `reader` is told all with the next walk. */
  join(reader: Telling): void {
    this.#waiting.add(reader)
    this.#main ??= this.#walkForAll()
  }

  /** It needs no snapshot any more; one that goes on ends by itself. */
  leave(reader: Telling): void {
    this.#waiting.delete(reader)
  }

  /** Resolves when no walk goes on. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#waiting.clear()
    await Promise.all([this.#main, ...this.#aside])
  }

  async #walkForAll(): Promise<void> {
    while (this.#waiting.size > 0 && !this.#stopping.signal.aborted) {
      const readers = [...this.#waiting]
      this.#waiting.clear()
      const sendings = this.#begin(readers)
      if (sendings) await this.#walk(sendings, undefined)
    }
    // At once: who joins from here on finds no walk.
    this.#main = undefined
  }

  #begin(readers: readonly Telling[]): Sending[] | undefined {
    const { holdings, snapshot } = this.#deps
    return this.#reading(readers, () => {
      const { blocks } = holdings
      return readers.map((reader): Sending => {
        snapshot()
        const begun = reader.begin(blocks)
        return { reader, snapshot: reader.snapshot, isDone: begun.then(() => false) }
      })
    })
  }

  /** From `after` on, with those who were sent what comes before. */
  async #walk(sent: readonly Sending[], after: Place): Promise<void> {
    let sendings = sent
    for (let place = after; ; ) {
      const late = await this.#lateOf(sendings)
      if (this.#stopping.signal.aborted) return
      for (const one of late) this.#goAside(one, place)
      const open = await takersOf(sendings.filter(one => !late.has(one)))
      if (open.length === 0) return
      const told = await this.#tell(open, place)
      if (!told) return
      sendings = told.sendings
      // Nobody waits for those who have yet to take the last part.
      if (!told.next) return
      place = told.next
    }
  }

  /** Those who didn't take in time what they were sent. */
  async #lateOf(sendings: readonly Sending[]): Promise<ReadonlySet<Sending>> {
    const late = new Set(sendings)
    const taken = Promise.all(sendings.map(one => one.isDone.then(() => late.delete(one))))
    await settled(taken, MAX_LAG_MS, this.#stopping.signal)
    return new Set(late)
  }

  #goAside(laggard: Sending, place: Place): void {
    const walk = settled(laggard.isDone, undefined, this.#stopping.signal)
      .then(() => this.#walk([laggard], place))
      .finally(() => this.#aside.delete(walk))
    this.#aside.add(walk)
  }

  /** Sends the slice behind `after` when this walk's turn has come; undefined where nothing more is told. */
  async #tell(readers: readonly Telling[], after: Place) {
    const { holdings, now } = this.#deps
    const { signal } = this.#stopping
    const before = this.#rest
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#rest = promise
    await before
    const fromMs = now()
    const told = signal.aborted
      ? undefined
      : this.#reading(readers, () => {
          const { fingerprints, next } = holdings.slice(after)
          const sendings = readers.map((reader): Sending => {
            const { snapshot } = reader
            return { reader, snapshot, isDone: reader.tell(fingerprints, next === undefined) }
          })
          return { sendings, next }
        })
    const restMs = (now() - fromMs) * REST_FACTOR
    void wait(restMs, undefined, { signal, ref: false }).then(resolve, () => resolve())
    return told
  }

  /** Where the store can't be read the streams of `readers` end. */
  #reading<T>(readers: readonly Telling[], read: () => T): T | undefined {
    try {
      return read()
    } catch (err) {
      this.#deps.log.warn({ err }, 'what is held could not be read, and is not told')
      const reason = membersError('INDEX_OVER', 'what is held could not be read', { cause: err })
      for (const reader of readers) reader.end(reason)
      return undefined
    }
  }
}

/** Those who take more of the same snapshot. */
async function takersOf(sendings: readonly Sending[]): Promise<Telling[]> {
  const takers = await Promise.all(
    sendings.map(async ({ reader, snapshot, isDone }) =>
      !(await isDone) && snapshot !== undefined && reader.snapshot === snapshot ? reader : [],
    ),
  )
  return takers.flat()
}

/** Resolves when `work` has, or after `limitMs`, or when `signal` aborts. */
function settled(work: Promise<unknown>, limitMs: number | undefined, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = limitMs === undefined ? undefined : setTimeout(done, limitMs).unref()
    signal.addEventListener('abort', done, { once: true })
    if (signal.aborted) done()
    else void work.then(done)
  })
}
