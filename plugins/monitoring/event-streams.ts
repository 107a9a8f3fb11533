import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Change, type ChangeFeed, isSkepError, messageOf, parsePosition } from '../../core/api.ts'
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

  /** Streams until the client leaves, or is too slow. @throws SkepError LISTENERS_FULL, ORIGIN_REFUSED */
  async answer(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    refuseOtherPages(request)
    reply.type('text/event-stream; charset=utf-8')
    if (request.method === 'HEAD') return reply.send()
    const { maxListeners } = this.#options
    if (this.#listeners >= maxListeners) {
      throw monitoringError('LISTENERS_FULL', `${maxListeners} listeners follow the events already`)
    }
    this.#count(1)
    try {
      await this.#stream(request, reply)
    } finally {
      this.#count(-1)
    }
  }

  #count(change: number): void {
    this.#listeners += change
    this.#dependencies.onListeners(this.#listeners)
  }

  async #stream(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { raw } = reply
    const left = new AbortController()
    raw.once('close', () => left.abort())
    const signal = AbortSignal.any([left.signal, this.#dependencies.signal])
    const lastId = request.headers['last-event-id']
    const since = typeof lastId === 'string' ? parsePosition(lastId) : undefined
    const { changes } = this.#dependencies
    reply.hijack()
    raw.writeHead(200, reply.getHeaders() as Record<string, string>)
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
        await write(raw, eventText(changes.run, change), signal)
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
  if (origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)) return
  throw monitoringError('ORIGIN_REFUSED', `a page of ${clip(origin)} asked`)
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
