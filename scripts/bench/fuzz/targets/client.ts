import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc, { type Arbitrary } from 'fast-check'
import { type Client, createClient } from '../../../../core/cli/client.ts'
import { isSkepError } from '../../../../core/errors.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import { asJson, record, textOf, texts, utf8 } from '../values.ts'

/** What a command takes from its node, or through it from another board, which may be anything. */

/** A server that answers whatever it is asked with bytes of ours, and hangs up. */
class Answerer {
  readonly client: Client
  /** What it answers next. */
  answer: Uint8Array = new Uint8Array()
  readonly #server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(this.answer))
  })
  readonly #socketPath: string

  constructor() {
    const directory = mkdtempSync(join(tmpdir(), 'skep-fuzz-'))
    process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
    this.#socketPath = join(directory, 's')
    this.client = createClient(this.#socketPath)
  }

  async listen(): Promise<this> {
    await once(this.#server.listen(this.#socketPath), 'listening')
    return this
  }
}

let answering: Promise<Answerer> | undefined

/** What a command makes of an answer; an item or two may have come before. */
type Way = (client: Client) => Promise<unknown>

const WAYS: readonly Way[] = [
  client => client.get('status'),
  client => client.operate({ method: 'POST', path: 'pins', onItem() {}, onProgress() {} }),
  async client => {
    const chunks: Uint8Array[] = []
    for await (const chunk of client.download('content/cat', { onTotal() {} })) chunks.push(chunk)
    return textOf(Buffer.concat(chunks))
  },
]

interface Answer {
  /** Which of the {@link WAYS}. */
  readonly way: number
  readonly value: unknown
}

const answers: Arbitrary<Answer> = fc.oneof(
  record({ way: fc.constantFrom(0, 1), value: record({ any: fc.jsonValue() }) }),
  record({ way: fc.constant(2), value: texts }),
)

/** The way, then the answer as a node sends it. */
function encodeAnswer({ way, value }: Answer): Uint8Array {
  const json = JSON.stringify(value)
  const bodies = [json, `{"progress":{}}\n{"item":1}\n{"result":${json}}\n`, String(value)]
  const body = bodies[way % WAYS.length] ?? ''
  const chunk = `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n`
  const head = 'HTTP/1.1 200 OK\r\nconnection: close\r\nskep-total: 5\r\ntransfer-encoding: chunked\r\n\r\n'
  return Buffer.concat([Buffer.of(way), utf8(`${head}${body === '' ? '' : chunk}0\r\n\r\n`)])
}

/** What the client itself says of an answer. */
const OWN_ERRORS = ['NODE_GONE', 'ANSWER_INVALID']

/** Undefined where the command ends with what the answer says went wrong, whatever the code of that is. */
async function answerOf(bytes: Uint8Array): Promise<Answer | undefined> {
  answering ??= new Answerer().listen()
  const answerer = await answering
  answerer.answer = bytes.subarray(1)
  const way = (bytes[0] ?? 0) % WAYS.length
  try {
    return { way, value: await WAYS[way]?.(answerer.client) }
  } catch (error) {
    if (!isSkepError(error) || OWN_ERRORS.includes(error.code)) throw error
    return undefined
  }
}

export const CLIENT_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<Answer>({
    name: 'cli-answer',
    covers: ['core/cli/client.ts#createClient'],
    shape: 'text',
    words: [
      'HTTP/1.1 ',
      '200',
      '404',
      '500',
      '101',
      '100 Continue\r\n\r\n',
      '\r\n',
      '0\r\n\r\n',
      'null',
    ].concat([
      '{"error":{"code":"',
      '{"error":null}',
      '{"result":',
      '{"item":',
      '{"progress":',
      'skep-error: %7B',
      'trailer: skep-error\r\n',
      'content-length: 5\r\n',
      'transfer-encoding: chunked\r\n',
      'upgrade: skep-control\r\nconnection: upgrade\r\n',
      'content-encoding: br\r\n',
    ]),
    values: answers,
    encode: encodeAnswer,
    decode: answerOf,
    // What isn't there can't be said as JSON, and is no text.
    toValue: answer => (answer.value === undefined ? undefined : answer),
    meaningOf: asJson,
    mayThrow: OWN_ERRORS,
    maxBytes: { base: 1024 * 1024, perByte: 400 },
  }),
]
