import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'

/**
 * The begun answer to `GET url`; whoever doesn't read it to its end destroys it. Not by `fetch`: that unpacks whatever it is sent
 * before anybody can see by which of Node's decoders, and goes wherever it is sent.
 */
export async function get(url: URL, accept: string, signal: AbortSignal): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest
  const asked = request(url, { headers: { accept, 'accept-encoding': 'identity' }, signal })
  const answered = once(asked, 'response')
  // What goes wrong later ends the answer, whose reader is told.
  asked.on('error', () => undefined)
  asked.end()
  const [answer] = (await answered) as [IncomingMessage]
  return answer
}
