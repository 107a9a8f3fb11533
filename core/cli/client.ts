import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Progress } from '../content/content.ts'
import { drained } from '../control/drained.ts'
import type { ErrorBody } from '../control/errors.ts'
import { decodeErrorTrailer, ERROR_TRAILER, type OperationEvent, TOTAL_HEADER } from '../control/events.ts'
import { checkSocketPath } from '../control/socket-path.ts'
import { TUNNEL } from '../control/upgrade.ts'
import { messageOf, SkepError } from '../errors.ts'
import { printable } from '../printable.ts'
import type { WaitOptions } from '../storage/storage.ts'
import { cliError, OWN_CODES } from './errors.ts'

/** Far above any answer of ours: a status with a thousand peers has about one megabyte. */
const MAX_JSON_BYTES = 64 * 1024 * 1024

/** Of an answer in lines: far above any of ours, which are an item or a result each. */
const MAX_LINE_BYTES = 1024 * 1024

/** What a node answers with where it does what was asked: the second one, that it has begun to. */
const GOOD_STATUSES: ReadonlySet<number> = new Set([200, 202])

type Query = Readonly<Record<string, string | number | boolean | undefined>>

interface Call extends WaitOptions {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Beneath `/v1/`. */
  readonly path: string
  readonly query?: Query
}

export interface Operation<I> extends Call {
  readonly body?: Upload | object
  onProgress?(progress: Progress): void
  onItem?(item: I): void
  /** For whoever keeps all items: the whole answer has a bound, too. */
  readonly isKept?: boolean
}

interface DownloadOptions extends WaitOptions {
  readonly query?: Query
  /** About how many content bytes there are, before the first byte; not called where the node doesn't know. */
  onTotal?(bytes: number): void
}

/** A body of any length. */
export interface Upload {
  readonly type: string
  readonly bytes: AsyncIterable<Uint8Array>
}

/**
 * A node's control socket, from a command's side, or through it that of another board. Calls throw what the node says went
 * wrong, and SkepError NODE_NOT_RUNNING, NODE_DENIED, NODE_GONE, BOARD_GONE, ANSWER_INVALID, SOCKET_PATH_TOO_LONG.
 */
export interface Client {
  get<T>(path: string, options?: WaitOptions & { query?: Query }): Promise<T>
  /** Resolves with the operation's result, after its items. */
  operate<T, I = never>(operation: Operation<I>): Promise<T>
  /** A body as it comes; throws at its end where it isn't whole. */
  download(path: string, options?: DownloadOptions): AsyncGenerator<Uint8Array, void, void>
  /** Tells the node to stop and resolves when its process has ended; from afar, when nothing answers there any more. */
  stop(): Promise<void>
}

/** `node`: another board of the fleet, by its name or peer id. */
export function createClient(socketPath: string, node?: string): Client {
  checkSocketPath(socketPath)

  const open = (
    { method, path, query = {}, signal }: Call,
    headers: Record<string, string>,
  ): ClientRequest => {
    const request = httpRequest({
      method,
      path: `/v1/${path}${queryText(query)}`,
      headers,
      ...(node === undefined ? { socketPath, agent: false } : { createConnection: tunnelTo(node, signal) }),
      ...(signal && { signal }),
    })
    // Whoever waits for the answer is told; what comes after it is of no use.
    request.on('error', () => {})
    return request
  }

  /** A connection to the node's, which makes it one to the board that `node` names. Fails as a call does. */
  const tunnelTo =
    (node: string, signal: AbortSignal | undefined) =>
    (_options: unknown, done: (error: Error | null, connection: Duplex) => void): undefined => {
      openTunnel(socketPath, node, signal).then(
        connection => done(null, connection),
        error => done(explainHere(error, { signal }) as Error, undefined as never),
      )
    }

  /** Why a call failed: because it was cancelled, or what the system says. */
  const explain = (error: unknown, wait: WaitOptions): unknown => {
    if (node === undefined || wait.signal?.aborted || error instanceof SkepError)
      return explainHere(error, wait)
    const why = messageOf(error) || (error as NodeJS.ErrnoException).code
    return cliError('BOARD_GONE', `the connection to ${printable(node)} broke off: ${why}`, { cause: error })
  }

  const explainHere = (error: unknown, { signal }: WaitOptions): unknown => {
    if (signal?.aborted) return signal.reason
    if (error instanceof SkepError) return error
    const { code } = error as NodeJS.ErrnoException
    const cause = { cause: error }
    switch (code) {
      case 'ENOENT':
      case 'ENOTDIR':
      case 'ECONNREFUSED':
        return cliError('NODE_NOT_RUNNING', `no node answers on ${socketPath} (${code})`, cause)
      case 'EACCES':
      case 'EPERM':
        return cliError('NODE_DENIED', `no permission to open ${socketPath}`, cause)
      default:
        return cliError(
          'NODE_GONE',
          `the node on ${socketPath} broke off: ${messageOf(error) || code}`,
          cause,
        )
    }
  }

  return {
    async get<T>(path: string, options: WaitOptions & { query?: Query } = {}) {
      const call: Call = { method: 'GET', path, ...options }
      const request = open(call, {})
      try {
        const answered = answerOf(request)
        request.end()
        const value = await readJson(await answered)
        if (isObject(value)) return value as T
        throw cliError('ANSWER_INVALID', 'the node answered with what is no object')
      } catch (error) {
        throw explain(error, call)
      } finally {
        request.destroy()
      }
    },

    async operate<T, I>(operation: Operation<I>) {
      const { body, onProgress, onItem, isKept = false } = operation
      const upload = toUpload(body)
      const request = open(operation, upload ? { 'content-type': upload.type } : {})
      let uploadError: unknown
      try {
        const answered = answerOf(request)
        send(request, upload).catch(error => {
          uploadError = error
          request.destroy()
        })
        const maxBytes = isKept ? MAX_JSON_BYTES : Number.POSITIVE_INFINITY
        for await (const event of eventsOf<T, I>(await answered, maxBytes)) {
          if ('result' in event) return event.result
          if ('error' in event) throw remoteError(event.error)
          if ('progress' in event) onProgress?.(event.progress)
          else onItem?.(event.item)
        }
        throw new Error('it ended its answer in the middle')
      } catch (error) {
        throw uploadError ?? explain(error, operation)
      } finally {
        request.destroy()
      }
    },

    async *download(path, options = {}) {
      const call: Call = { method: 'GET', path, ...options }
      const request = open(call, { te: 'trailers' })
      try {
        const answered = answerOf(request)
        request.end()
        const answer = await answered
        const total = answer.headers[TOTAL_HEADER]
        if (total !== undefined) options.onTotal?.(Number(total))
        yield* answer as AsyncIterable<Uint8Array>
        const failure = answer.trailers[ERROR_TRAILER]
        if (failure) throw remoteError(decodeErrorTrailer(failure))
      } catch (error) {
        throw explain(error, call)
      } finally {
        request.destroy()
      }
    },

    async stop() {
      const call: Call = { method: 'POST', path: 'stop' }
      const request = open(call, {})
      try {
        const answered = answerOf(request)
        request.end()
        const answer = await answered
        answer.on('error', () => {}).resume()
        if (!answer.closed) await new Promise(resolve => answer.once('close', resolve))
      } catch (error) {
        throw explain(error, call)
      }
    },
  }
}

/** Asks the node on `socketPath` for a connection to another board. */
async function openTunnel(
  socketPath: string,
  node: string,
  signal: AbortSignal | undefined,
): Promise<Duplex> {
  const request = httpRequest({
    socketPath,
    path: `/v1/fleet/control${queryText({ member: node })}`,
    headers: { connection: 'upgrade', upgrade: TUNNEL },
    agent: false,
    ...(signal && { signal }),
  })
  request.on('error', () => {})
  const refused = answerOf(request).then(({ statusCode }) => {
    throw cliError('ANSWER_INVALID', `the node answered with HTTP ${statusCode} where it makes a tunnel`)
  })
  const opened = new Promise<Duplex>(resolve =>
    request.once('upgrade', (_answer, connection) => resolve(connection)),
  )
  request.end()
  return Promise.race([opened, refused])
}

/** The answer, where the node agreed. */
async function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  const answer = await responseOf(request)
  const status = answer.statusCode ?? 0
  if (GOOD_STATUSES.has(status)) return answer
  const body = await readJson(answer).catch(() => undefined)
  const error = (body as { error?: unknown } | undefined)?.error
  if (isErrorBody(error)) throw remoteError(error)
  const reason = `${status} ${answer.statusMessage ?? ''}`.trim()
  throw cliError(
    'ANSWER_INVALID',
    `the node answered with HTTP ${reason}, and with no reason that skep gives`,
  )
}

function responseOf(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve).once('error', reject)
    // No error tells of an end that would rather speak another protocol. The process would end as if all were well.
    request.once('close', () => reject(new Error('it gave no answer')))
  })
}

/** Others answer otherwise: another program on the socket, or the HTTP server beneath the node. */
function isErrorBody(value: unknown): value is ErrorBody {
  if (!isObject(value)) return false
  const { code, message, fix } = value
  return [code, message, fix].every(text => typeof text === 'string' && text !== '')
}

/** Ends early where the node has answered and the request is gone. */
async function send(request: ClientRequest, upload: Upload | undefined): Promise<void> {
  for await (const chunk of upload?.bytes ?? []) {
    if (request.destroyed) return
    if (!request.write(chunk)) await drained(request)
  }
  request.end()
}

function toUpload(body: Upload | object | undefined): Upload | undefined {
  if (!body || isUpload(body)) return body
  return { type: 'application/json', bytes: only(Buffer.from(JSON.stringify(body))) }
}

function isUpload(body: Upload | object): body is Upload {
  return 'bytes' in body
}

async function* only<T>(value: T): AsyncGenerator<T> {
  yield value
}

async function* eventsOf<T, I>(
  answer: IncomingMessage,
  maxBytes: number,
): AsyncGenerator<OperationEvent<T, I>, void, void> {
  const decoder = new TextDecoder()
  let rest = ''
  let bytes = 0
  for await (const chunk of answer) {
    bytes += chunk.length
    if (bytes > maxBytes) throw tooLong(maxBytes)
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE_BYTES)
      throw cliError('ANSWER_INVALID', `the node answered with a line of more than ${MAX_LINE_BYTES} bytes`)
    for (const line of lines) yield eventIn<T, I>(line)
  }
}

function eventIn<T, I>(line: string): OperationEvent<T, I> {
  const event = parseJson(line)
  if (isEvent(event)) return event as OperationEvent<T, I>
  throw cliError('ANSWER_INVALID', 'the node answered with a line that is none of an operation')
}

function isEvent(value: unknown): boolean {
  if (!isObject(value)) return false
  if ('error' in value) return isErrorBody(value.error)
  return 'item' in value || isObject(value.progress) || isObject(value.result)
}

function tooLong(maxBytes: number): Error {
  return cliError('ANSWER_INVALID', `the node answered with more than ${maxBytes} bytes`)
}

async function readJson(answer: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer) {
    bytes += chunk.length
    if (bytes > MAX_JSON_BYTES) throw tooLong(MAX_JSON_BYTES)
    chunks.push(chunk)
  }
  return parseJson(Buffer.concat(chunks).toString())
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw cliError('ANSWER_INVALID', `the node answered with what is no JSON: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function remoteError({ code, message, fix }: ErrorBody): SkepError {
  if (!OWN_CODES.has(code)) return new SkepError(code, message, fix)
  return cliError(
    'ANSWER_INVALID',
    `the node answered with ${code}, which a command alone can say: ${message}`,
  )
}

function queryText(query: Query): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value))
  }
  return parameters.size > 0 ? `?${parameters}` : ''
}
