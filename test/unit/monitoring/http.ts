import { once } from 'node:events'
import { type IncomingHttpHeaders, type RequestOptions, request } from 'node:http'

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The text as JSON. */
  json<T = Record<string, unknown>>(): T
}

/** One request on a connection of its own, with whatever headers: fetch doesn't let `Host` be set. */
export async function ask(
  url: string,
  options: RequestOptions & { body?: string } = {},
): Promise<HttpAnswer> {
  const { body, ...rest } = options
  const sent = request(url, { agent: false, ...rest })
  sent.end(body)
  const [response] = await once(sent, 'response')
  let text = ''
  for await (const part of response.setEncoding('utf8')) text += part
  return { status: response.statusCode, headers: response.headers, text, json: () => JSON.parse(text) }
}
