import type { IncomingMessage } from 'node:http'
import { routingError } from '../errors.ts'

/** All of an answer: a hundred providers with their addresses, the most that is taken of one, are less. */
export const MAX_ANSWER_BYTES = 1024 * 1024
/** One record: a peer with hundreds of addresses is less. */
export const MAX_LINE_BYTES = 64 * 1024

const NEWLINE = 0x0a
const LINES = 'application/x-ndjson'
const WHOLE = 'application/json'

/** What servers are asked for, the first rather than the second. */
export const ACCEPT = `${LINES}, ${WHOLE};q=0.8`

/** An answer that has begun, and what told where it comes from. */
interface Answer {
  readonly response: IncomingMessage
  readonly origin: string
}

/**
 * The records of an answer, as they come: https://specs.ipfs.tech/routing/http-routing-v1/. `list`: what the array of them is
 * called where all come at once. The rest of an answer that is left early is not fetched.
 *
 * @throws SkepError ROUTER_FAILED
 */
export async function* recordsOf(
  response: IncomingMessage,
  { list, origin }: { readonly list: 'Providers' | 'Peers'; readonly origin: string },
): AsyncGenerator<unknown, void, void> {
  const answer = { response, origin }
  try {
    // So it is where nobody is known.
    if (response.statusCode === 404) return
    const isLines = checkedType(answer).startsWith(LINES)
    if (isLines) for await (const line of linesOf(answer)) yield* recordIn(answer, line)
    else yield* recordsIn(answer, await wholeOf(answer), list)
  } finally {
    response.destroy()
  }
}

/** What the answer is, where it can be read. */
function checkedType(answer: Answer): string {
  const { statusCode: status, headers } = answer.response
  const { 'content-type': type = '', 'content-encoding': packed = 'identity' } = headers
  const isKnown = type.startsWith(LINES) || type.startsWith(WHOLE)
  if (status !== 200 || !isKnown) throw failed(answer, `status ${status}, type '${type}'`)
  if (packed !== 'identity') throw failed(answer, `what is packed by '${packed}', as nobody asked`)
  return type
}

function* recordIn(answer: Answer, line: string): Generator<unknown, void, void> {
  if (line.trim() !== '') yield parsed(answer, line)
}

function* recordsIn(answer: Answer, text: string, list: string): Generator<unknown, void, void> {
  const told = parsed(answer, text) as Readonly<Record<string, unknown>> | null
  const records = told?.[list] ?? []
  if (!Array.isArray(records)) throw failed(answer, `${list} is no list`)
  yield* records
}

async function wholeOf(answer: Answer): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of bytesOf(answer)) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

async function* linesOf(answer: Answer): AsyncGenerator<string, void, void> {
  let begun: Uint8Array[] = []
  let begunBytes = 0
  for await (const chunk of bytesOf(answer)) {
    let at = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, at)) {
      yield Buffer.concat([...begun, chunk.subarray(at, end)]).toString()
      begun = []
      begunBytes = 0
      at = end + 1
    }
    begun.push(chunk.subarray(at))
    begunBytes += chunk.byteLength - at
    if (begunBytes > MAX_LINE_BYTES) throw failed(answer, `a line of more than ${MAX_LINE_BYTES} bytes`)
  }
  yield Buffer.concat(begun).toString()
}

async function* bytesOf(answer: Answer): AsyncGenerator<Uint8Array, void, void> {
  let bytes = 0
  for await (const chunk of answer.response as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    if (bytes > MAX_ANSWER_BYTES) throw failed(answer, `more than ${MAX_ANSWER_BYTES} bytes`)
    yield chunk
  }
}

function parsed(answer: Answer, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw failed(answer, 'what is no JSON', cause)
  }
}

function failed({ origin }: Answer, what: string, cause?: unknown): Error {
  return routingError('ROUTER_FAILED', `${origin} answered with ${what}`, { cause })
}
