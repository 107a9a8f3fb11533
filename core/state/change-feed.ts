import { type Token, token } from '../container.ts'
import type { Events, NodeEvents } from '../events.ts'
import type { WaitOptions } from '../storage/storage.ts'
import { untilAborted } from '../until-aborted.ts'
import { stateError } from './errors.ts'

/** One thing that happened in the node. Plain JSON. */
export interface Change {
  /** One more than that of the change before; from 1 in each run. */
  readonly sequence: number
  /** Wall clock. */
  readonly timeMs: number
  readonly event: keyof NodeEvents | 'feed:opened'
  readonly data: object
}

/** Where a reader left off. A number of another run says nothing in this one. */
export interface FeedPosition {
  readonly run?: string
  readonly sequence: number
}

/** What happened lately, for whoever wants to follow. Each event of the node counts; figures that move all the time don't. */
export interface ChangeFeed {
  /** Tells this run of the node from the others. */
  readonly run: string
  /** Of the last change; 0 before the first. */
  readonly sequence: number
  /**
   * What came after `since`, then what comes, without an end. First a `feed:opened`, which tells the run and how many
   * changes are missed for good. Without `since`: from now on.
   *
   * @throws SkepError EVENTS_MISSED where the reader is so slow that changes were dropped before it took them;
   *   EVENTS_BUSY where there are too many readers
   */
  read(since?: FeedPosition, options?: WaitOptions): AsyncGenerator<Change, never, void>
}

export const ChangeFeed: Token<ChangeFeed> = token('change feed')

/** Kept for readers that come late or read slowly. The oldest leaves first. */
const MAX_CHANGES = 512
/** What peers are charged with quotes them; with that, all that is kept is some hundred kilobytes. */
const MAX_TEXT_CHARACTERS = 256
/** Each holds a connection. */
const MAX_READERS = 64

/** How each event is shown, if at all; a new one has to say so here. */
const SHOWN: { readonly [K in keyof NodeEvents]: ((payload: NodeEvents[K]) => object) | undefined } = {
  'node:phase': payload => payload,
  'plugin:changed': payload => payload,
  'content:pinned': ({ cid }) => ({ cid: cid.toString() }),
  'content:unpinned': ({ cid }) => ({ cid: cid.toString() }),
  // Of use within the node alone, and frequent.
  'content:released': undefined,
  'peer:connected': ({ peer }) => ({ peer: peer.toString() }),
  'peer:disconnected': ({ peer }) => ({ peer: peer.toString() }),
  'peer:liveness': ({ peer, liveness }) => ({ peer: peer.toString(), liveness }),
  'peer:tagged': ({ peer, tags }) => ({ peer: peer.toString(), tags }),
  'peer:forgotten': ({ peer }) => ({ peer: peer.toString() }),
  'peer:evidence': ({ peer, kind, detail }) => ({ peer: peer.toString(), kind, detail: clipped(detail) }),
  'peer:banned': ({ peer, kind, durationMs }) => ({ peer: peer.toString(), kind, durationMs }),
  'peer:pardoned': ({ peer }) => ({ peer: peer.toString() }),
  'fleet:changed': payload => payload,
  'network:addresses': payload => payload,
  'network:changed': payload => payload,
  'network:reachability': payload => payload,
}

export interface ChangeFeedOptions {
  /** Any text without spaces that no other run has. */
  readonly run: string
}

export interface ChangeFeedDependencies {
  readonly events: Events
  /** Wall clock. */
  readonly now: () => number
}

export function createChangeFeed(
  { run }: ChangeFeedOptions,
  { events, now }: ChangeFeedDependencies,
): ChangeFeed {
  /** The oldest first. */
  const changes: Change[] = []
  let sequence = 0
  let readers = 0
  let news = Promise.withResolvers<void>()

  const add = (event: keyof NodeEvents, data: object): void => {
    sequence += 1
    changes.push({ sequence, timeMs: now(), event, data })
    if (changes.length > MAX_CHANGES) changes.shift()
    news.resolve()
    news = Promise.withResolvers()
  }
  const listen = <K extends keyof NodeEvents>(event: K): void => {
    const show = SHOWN[event]
    if (show) events.on(event, payload => add(event, show(payload)))
  }
  for (const event of Object.keys(SHOWN) as (keyof NodeEvents)[]) listen(event)

  /** How many changes before the oldest that is kept came after `from`. */
  const missedAfter = (from: number): number => sequence - changes.length - from

  return {
    run,
    get sequence() {
      return sequence
    },
    async *read(since, { signal } = {}) {
      if (readers >= MAX_READERS)
        throw stateError('EVENTS_BUSY', `${MAX_READERS} readers follow the node already`)
      readers += 1
      try {
        let at = startOf(since, run, sequence)
        const missed = Math.max(0, missedAfter(at))
        at += missed
        yield { sequence: at, timeMs: now(), event: 'feed:opened', data: { run, missed } }
        while (true) {
          signal?.throwIfAborted()
          const lost = missedAfter(at)
          if (lost > 0)
            throw stateError('EVENTS_MISSED', `${lost} changes were dropped before they were taken`)
          const next = changes[changes.length - (sequence - at)]
          if (next) {
            at = next.sequence
            yield next
          } else await untilAborted(news.promise, signal)
        }
      } finally {
        readers -= 1
      }
    },
  }
}

function clipped(text: string): string {
  return text.slice(0, MAX_TEXT_CHARACTERS).toWellFormed()
}

/** A position of another run, or one that never was, is before all there is. */
function startOf(since: FeedPosition | undefined, run: string, sequence: number): number {
  if (!since) return sequence
  const isOfThisRun = (since.run ?? run) === run && since.sequence <= sequence
  return isOfThisRun ? since.sequence : 0
}

/**
 * Where `text`, as of {@link parsePosition}, is in `feed`. One of another run is taken: its reader gets all there is.
 *
 * @throws SkepError POSITION_INVALID where it is no position, or one that this run hasn't come to
 */
export function positionIn(
  text: string,
  { run, sequence }: Pick<ChangeFeed, 'run' | 'sequence'>,
): FeedPosition {
  const position = parsePosition(text)
  const shown = `since is '${clipped(text)}'`
  if (!position) {
    throw stateError('POSITION_INVALID', `${shown}, expected the number of an event, such as 17`)
  }
  if ((position.run ?? run) === run && position.sequence > sequence) {
    throw stateError('POSITION_INVALID', `${shown}, but the newest event of this run is ${sequence}`)
  }
  return position
}

/** `17`, or `RUN-17` as an event stream names it. Undefined for what is neither. */
export function parsePosition(text: string): FeedPosition | undefined {
  const [, run, digits = ''] = /^(?:([\w.]{1,64})-)?(\d{1,15})$/.exec(text) ?? []
  if (digits === '') return undefined
  return { sequence: Number(digits), ...(run !== undefined && { run }) }
}
