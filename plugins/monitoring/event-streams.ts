import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  type Change,
  type ChangeFeed,
  type FeedPosition,
  isSameOrigin,
  isSkepError,
  messageOf,
  positionIn,
} from '../../core/api.ts'
import { clip } from './clip.ts'
import { monitoringError } from './errors.ts'

export interface EventStreamsOptions {
  readonly maxListeners: number
  /** How often a silent stream gets a comment, so that nobody in between takes it for dead. */
  readonly heartbeatMs: number
}

export interface EventStreamsDependencies {
  readonly changes: ChangeFeed
  /** Ends all streams. */
  readonly signal: AbortSignal
  readonly onListeners: (listeners: number) => void
}

/** How long a browser waits before it connects again. */
const RETRY_MS = 3000
/** One that takes nothing for so many heartbeats on end is gone, or holds a place for nothing. */
const MAX_IDLE_BEATS = 4
/** How long whoever is cut off has to read why. */
const CUT_GRACE_MS = 2000

/** Where a listener begins. */
interface Start {
  /** Default: now. */
  readonly since?: FeedPosition
  /** It came back, and nobody can tell from where: what happened so far is missed. */
  readonly isLost?: boolean
}

/** What happens in the node, as server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export class EventStreams {
  readonly #options: EventStreamsOptions
  readonly #dependencies: EventStreamsDependencies
  #listeners = 0

  constructor(options: EventStreamsOptions, dependencies: EventStreamsDependencies) {
    this.#options = options
    this.#dependencies = dependencies
  }

  get listeners(): number {
    return this.#listeners
  }

  /**
   * Streams until the client leaves, or is too slow.
   *
   * @throws SkepError LISTENERS_FULL, ORIGIN_REFUSED, QUERY_INVALID, POSITION_INVALID
   */
  async answer(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    refuseOtherPages(request)
    const start = startOf(request, this.#dependencies.changes)
    reply.type('text/event-stream; charset=utf-8')
    if (request.method === 'HEAD') return reply.send()
    const { maxListeners } = this.#options
    if (this.#listeners >= maxListeners) {
      throw monitoringError('LISTENERS_FULL', `${maxListeners} listeners follow the events already`)
    }
    this.#count(1)
    try {
      await this.#stream(start, reply)
    } finally {
      this.#count(-1)
    }
  }

  #count(change: number): void {
    this.#listeners += change
    this.#dependencies.onListeners(this.#listeners)
  }

  async #stream({ since, isLost = false }: Start, reply: FastifyReply): Promise<void> {
    const { raw } = reply
    const left = new AbortController()
    raw.once('close', () => left.abort())
    const signal = AbortSignal.any([left.signal, this.#dependencies.signal])
    const { changes } = this.#dependencies
    reply.hijack()
    raw.writeHead(200, reply.getHeaders() as Record<string, string>)
    // Of itself it is silent for longer than a request may be: heartbeats tell who is gone.
    raw.socket?.setTimeout(0)
    raw.write(`retry: ${RETRY_MS}\n\n`)
    let idleBeats = 0
    raw.on('drain', () => {
      idleBeats = 0
    })
    const heartbeat = setInterval(() => {
      if (!raw.writableNeedDrain) raw.write(': still here\n\n')
      else if (++idleBeats > MAX_IDLE_BEATS) raw.destroy()
    }, this.#options.heartbeatMs).unref()
    try {
      for await (const change of changes.read(since, { signal })) {
        const told = isLost && change.event === 'feed:opened' ? withAllMissed(change) : change
        await write(raw, eventText(changes.run, told), signal)
      }
    } catch (error) {
      if (!left.signal.aborted) end(raw, error)
    } finally {
      clearInterval(heartbeat)
    }
  }
}

/** A page of somebody else's could read nothing of the stream, but each of its tabs would take a place. */
function refuseOtherPages({ headers: { origin, host } }: FastifyRequest): void {
  if (origin === undefined || isSameOrigin(origin, host)) return
  throw monitoringError('ORIGIN_REFUSED', `a page of ${clip(origin)} asked`)
}

/** What a browser says as it comes back goes before what its page asked for at first. */
function startOf({ headers, query }: FastifyRequest, changes: ChangeFeed): Start {
  const { since, ...rest } = query as Record<string, unknown>
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) throw monitoringError('QUERY_INVALID', `'${clip(unknown)}' is no part of it`)
  if (since !== undefined && typeof since !== 'string') {
    throw monitoringError('QUERY_INVALID', 'since is given more than once')
  }
  const lastId = headers['last-event-id']
  if (typeof lastId !== 'string') return since === undefined ? {} : { since: positionIn(since, changes) }
  try {
    return { since: positionIn(lastId, changes) }
  } catch (error) {
    if (!isSkepError(error, 'POSITION_INVALID')) throw error
    return { isLost: true }
  }
}

function withAllMissed(opened: Change): Change {
  return { ...opened, data: { ...opened.data, missed: opened.sequence } }
}

function eventText(run: string, { sequence, timeMs, event, data }: Change): string {
  const shown = JSON.stringify({ sequence, timeMs, event, data })
  return `id: ${run}-${sequence}\nevent: ${event}\ndata: ${shown}\n\n`
}

/** Says why, in a last event, and hangs up on who doesn't read even that. */
function end(raw: ServerResponse, error: unknown): void {
  const known = isSkepError(error)
    ? error
    : monitoringError('STREAM_ENDED', messageOf(error), { cause: error })
  const { code, message, fix } = known
  raw.end(`event: feed:ended\ndata: ${JSON.stringify({ code, message, fix })}\n\n`)
  const timer = setTimeout(() => raw.destroy(), CUT_GRACE_MS).unref()
  raw.once('close', () => clearTimeout(timer))
}

async function write(raw: ServerResponse, text: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (!raw.write(text)) await once(raw, 'drain', { signal })
}
