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

/**
 * The records of an answer, as they come: https://specs.ipfs.tech/routing/http-routing-v1/. `list`: what the array of them is
 * called where all come at once. The rest of an answer that is left early is not fetched.
 *
 * @throws SkepError ROUTER_FAILED
 */
export async function* recordsOf(
  response: Response,
  list: 'Providers' | 'Peers',
): AsyncGenerator<unknown, void, void> {
  // So it is where nobody is known.
  if (response.status === 404) return await response.body?.cancel()
  const type = response.headers.get('content-type') ?? ''
  const isKnown = type.startsWith(LINES) || type.startsWith(WHOLE)
  if (!response.ok || !isKnown) {
    await response.body?.cancel()
    throw failed(response, `status ${response.status}, type '${type}'`)
  }
  if (type.startsWith(LINES)) {
    for await (const line of linesOf(response)) if (line.trim() !== '') yield parsed(response, line)
    return
  }
  const chunks: Uint8Array[] = []
  for await (const chunk of bytesOf(response)) chunks.push(chunk)
  const answer = parsed(response, Buffer.concat(chunks).toString()) as Readonly<
    Record<string, unknown>
  > | null
  const records = answer?.[list] ?? []
  if (!Array.isArray(records)) throw failed(response, `${list} is no list`)
  yield* records
}

async function* linesOf(response: Response): AsyncGenerator<string, void, void> {
  let begun: Uint8Array[] = []
  let begunBytes = 0
  for await (const chunk of bytesOf(response)) {
    let at = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, at)) {
      yield Buffer.concat([...begun, chunk.subarray(at, end)]).toString()
      begun = []
      begunBytes = 0
      at = end + 1
    }
    begun.push(chunk.subarray(at))
    begunBytes += chunk.byteLength - at
    if (begunBytes > MAX_LINE_BYTES) throw failed(response, `a line of more than ${MAX_LINE_BYTES} bytes`)
  }
  yield Buffer.concat(begun).toString()
}

/** Counted as they are unpacked. */
async function* bytesOf(response: Response): AsyncGenerator<Uint8Array, void, void> {
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > MAX_ANSWER_BYTES) throw failed(response, `more than ${MAX_ANSWER_BYTES} bytes`)
    yield chunk
  }
}

function parsed(response: Response, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw failed(response, 'what is no JSON', cause)
  }
}

function failed({ url }: Response, what: string, cause?: unknown): Error {
  return routingError('ROUTER_FAILED', `${new URL(url).origin} answered with ${what}`, { cause })
}
