import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Progress } from '../content/content.ts'
import { errorBody } from './errors.ts'
import { ERROR_TRAILER, EVENTS_TYPE, encodeErrorTrailer, type OperationEvent } from './events.ts'
import { endAfterUpload } from './upload-end.ts'

/** Often enough for a smooth display, seldom enough to cost nothing. */
const PROGRESS_INTERVAL_MS = 100

export interface Reporter<I> {
  /** Passes on at most one progress every {@link PROGRESS_INTERVAL_MS}. */
  progress(progress: Progress): void
  /** Resolves when the client takes more. */
  item(item: I): Promise<void>
}

/** Runs an operation and answers with its events (see {@link OperationEvent}). */
export async function answerWithEvents<T, I = never>(
  request: FastifyRequest,
  reply: FastifyReply,
  run: (report: Reporter<I>) => Promise<T>,
): Promise<void> {
  const { raw } = reply
  const begin = (): void => {
    if (raw.headersSent) return
    reply.hijack()
    raw.writeHead(200, { 'content-type': EVENTS_TYPE })
  }
  const line = (event: OperationEvent<T, I>): string => {
    begin()
    return `${JSON.stringify(event)}\n`
  }
  let lastProgressMs = Number.NEGATIVE_INFINITY
  try {
    const result = await run({
      progress(progress) {
        const nowMs = performance.now()
        // A client that reads too slowly misses progress; it is never queued.
        if (nowMs - lastProgressMs < PROGRESS_INTERVAL_MS || raw.writableNeedDrain) return
        lastProgressMs = nowMs
        raw.write(line({ progress }))
      },
      item: item => write(raw, line({ item }), request.cancelled),
    })
    await endAfterUpload(request, raw, line({ result }))
  } catch (error) {
    if (!raw.headersSent) throw error
    request.log.debug({ err: error, route: request.routeOptions.url }, 'operation failed')
    await endAfterUpload(request, raw, line({ error: errorBody(error) }))
  }
}

/**
 * Answers with a body that may fail on its way. What fails before the first byte gets an HTTP status; what fails later
 * ends in an error trailer where the client asked for trailers, and in a broken connection where it didn't. `headers` is
 * asked when the first byte is there.
 */
export async function answerWithBytes(
  request: FastifyRequest,
  reply: FastifyReply,
  bytes: AsyncIterable<Uint8Array>,
  headers: () => Readonly<Record<string, string>>,
): Promise<void> {
  const { raw } = reply
  const begin = (): void => {
    if (raw.headersSent) return
    reply.hijack()
    raw.writeHead(200, { ...headers(), trailer: ERROR_TRAILER })
  }
  try {
    for await (const chunk of bytes) {
      begin()
      await write(raw, chunk, request.cancelled)
    }
    begin()
    raw.end()
  } catch (error) {
    if (!raw.headersSent) throw error
    request.log.debug({ err: error, route: request.routeOptions.url }, 'body failed')
    if (!takesTrailers(request)) {
      raw.destroy()
      return
    }
    raw.addTrailers({ [ERROR_TRAILER]: encodeErrorTrailer(errorBody(error)) })
    raw.end()
  }
}

function takesTrailers(request: FastifyRequest): boolean {
  return /\btrailers\b/i.test(String(request.headers.te))
}

async function write(raw: ServerResponse, chunk: string | Uint8Array, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (raw.write(chunk)) return
  await once(raw, 'drain', { signal }).catch(error => {
    throw signal.aborted ? signal.reason : error
  })
}
