import type { ServerResponse } from 'node:http'
import { finished } from 'node:stream/promises'
import type { FastifyRequest } from 'fastify'

/** How long a client may go on sending once it has its answer. Ours stops when it reads that. */
const LINGER_MS = 10_000

/**
 * Sends the last of an answer, and ends it once the client sends no more; what it still sends is dropped. A connection
 * that is closed over bytes that nobody read is reset, and a client that is writing hears of that before it reads its
 * answer.
 */
export async function endAfterUpload(
  { raw, cancelled }: FastifyRequest,
  answer: ServerResponse,
  last: string,
): Promise<void> {
  if (raw.complete) {
    answer.end(last)
    return
  }
  answer.write(last)
  // A listener: while another reader is about to leave, `resume` alone does nothing.
  raw.on('data', () => {}).resume()
  const signal = AbortSignal.any([cancelled, AbortSignal.timeout(LINGER_MS)])
  await finished(raw, { signal }).catch(() => {})
  answer.end()
}
