import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'

/** Descriptions of routers have 2 to 20 kB. */
const MAX_ANSWER_BYTES = 128 * 1024
/** A router of the local network takes milliseconds, and a busy one seconds. */
const TIME_LIMIT_MS = 10_000

export interface HttpAnswer {
  readonly status: number
  readonly text: string
}

export interface HttpRequest {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** For all of it. Default: {@link TIME_LIMIT_MS} */
  readonly timeLimitMs?: number
}

/**
 * A request to a host that nobody vouches for: its answer is bounded in bytes and time, not decoded, and sent nowhere else. That is
 * why it isn't `fetch`, which follows redirects, has no bound, and decompresses whatever it is sent.
 */
export async function askHttp(url: URL, how: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  const { method = 'GET', headers = {}, body = '', timeLimitMs = TIME_LIMIT_MS } = how
  const timeLimit = AbortSignal.timeout(timeLimitMs)
  const limited = AbortSignal.any([signal, timeLimit])
  const length = { 'content-length': String(Buffer.byteLength(body)) }
  const asked = request(url, { method, headers: { ...headers, ...length }, agent: false, signal: limited })
  const answered = once(asked, 'response')
  // What goes wrong later ends the answer, whose reader is told.
  asked.on('error', () => undefined)
  asked.end(body)
  try {
    const [answer] = (await answered) as [IncomingMessage]
    return { status: answer.statusCode ?? 0, text: await textOf(answer) }
  } catch (error) {
    if (timeLimit.aborted) throw new Error(`it did not answer within ${timeLimitMs} ms`, { cause: error })
    throw error
  } finally {
    asked.destroy()
  }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES) throw new RangeError(`it sends more than ${MAX_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
