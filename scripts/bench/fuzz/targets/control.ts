import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { peerIdFromString } from '@libp2p/peer-id'
import fc from 'fast-check'
import { controlError } from '../../../../core/control/errors.ts'
import { addCoreRoutes, type CoreServices } from '../../../../core/control/routes/core.ts'
import { isScope, SCOPES } from '../../../../core/control/scopes.ts'
import { createControl } from '../../../../core/control/server.ts'
import { decodeToken, encodeToken, type StoredToken } from '../../../../core/control/tokens/stored-token.ts'
import { createEvents } from '../../../../core/events.ts'
import { silentLogger } from '../../../../core/logger.ts'
import { formatSwarmKey, parseSwarmKey } from '../../../../core/network/swarm-key.ts'
import { createChangeFeed } from '../../../../core/state/change-feed.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import { PEERS, partial, record, safeIntegers, textOf, texts, utf8 } from '../values.ts'

interface HttpInput {
  readonly method: string
  readonly path: string
  readonly query: readonly (readonly [string, string])[]
  readonly body: unknown
}

const WORDS = [
  'path',
  'name',
  'offset',
  'length',
  'pin',
  'mode',
  'mtimeMs',
  'since',
  'peer',
  'target',
  'address',
].concat(['value', 'reason', 'expiresInMs', 'member', 'invite', 'key', 'board', 'file', 'repair', 'scopes'])
const PATHS = ['content', 'content/cat', 'content/export', 'content/list', 'content/file', 'pins', 'storage']
  .concat([
    'storage/verify-refs',
    'peers',
    'peers/show',
    'peers/disconnect',
    'peers/tags',
    'peers/blocks',
    'events',
  ])
  .concat(['fleet', 'fleet/members', 'fleet/invites', 'fleet/join', 'fleet/operators', 'fleet/key', 'tokens'])
  .concat(['fleet/key/backup', 'status', 'plugins', 'config', 'stop', 'none'])

const names = fc.constantFrom(...WORDS)
const values = fc.oneof(
  texts,
  fc.integer().map(String),
  fc.constantFrom('true', '/ipfs/Qm', '10.0.0.0/8', '5-1', PEERS[1] ?? ''),
)

const inputs: fc.Arbitrary<HttpInput> = record({
  method: fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'HEAD', 'OPTIONS'),
  path: fc.constantFrom(...PATHS),
  query: fc.array(fc.tuple(names, values), { maxLength: 2 }),
  body: fc.oneof(
    fc.constant(undefined),
    fc.dictionary(names, fc.oneof(values, fc.integer(), fc.boolean(), fc.constant(null)), {
      noNullPrototype: true,
    }),
  ),
})

function encodeHttp({ method, path, query, body }: HttpInput): Uint8Array {
  const text = body === undefined ? '' : JSON.stringify(body)
  const type =
    body === undefined
      ? ''
      : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n`
  const parameters = query.map(pair => pair.map(encodeURIComponent).join('=')).join('&')
  return utf8(
    `${method} /v1/${path}?${parameters} HTTP/1.1\r\nhost: skep\r\nconnection: close\r\n${type}\r\n${text}`,
  )
}

/** What lies behind a route that let something through: it looks at what it is given, and says no. */
function behindRoutes(): CoreServices {
  const refuse = (...given: readonly unknown[]): never => {
    for (const value of given) checkGiven(value)
    throw controlError('INPUT_INVALID', 'this is as far as it goes')
  }
  const service = (known: object): object =>
    new Proxy(known, { get: (target, name) => Reflect.get(target, name) ?? refuse })
  const changes = createChangeFeed({ run: 'run' }, { events: createEvents(() => {}), now: () => 0 })
  return {
    access: 'owner',
    content: service({}),
    pins: service({ list: () => [] }),
    storage: service({}),
    network: service({ self: peerIdFromString(PEERS[0] ?? ''), connections: () => [] }),
    blocklist: service({ list: () => [] }),
    fleet: service({}),
    peers: service({ list: () => [] }),
    changes,
    state: service({ status: () => ({}) }),
    config: service({ entries: () => [] }),
    tokens: service({}),
    stop() {},
  } as unknown as CoreServices
}

/** No schema lets more through. */
const MAX_TEXT_CHARACTERS = 8192

function checkGiven(value: unknown, depth = 0): void {
  if (typeof value === 'string' && value.length > MAX_TEXT_CHARACTERS) throw new Error('a text is too long')
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error('a number is none')
  if (depth > 4) throw new Error('it is too deep')
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return
  for (const inner of Object.values(value)) checkGiven(inner, depth + 1)
}

let listening: Promise<string> | undefined

async function listen(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'skep-fuzz-'))
  const socketPath = join(directory, 's')
  // A thread has no say in it; the directory is for us alone.
  if (!isMainThread) process.umask = () => 0o077
  const control = createControl({ socketPath }, { log: silentLogger })
  addCoreRoutes(control, behindRoutes())
  await control.listen()
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  return socketPath
}

/** The status of the answer; undefined where the server hangs up, as on what is no request. */
async function statusOf(bytes: Uint8Array): Promise<number | undefined> {
  listening ??= listen()
  const socket = connect(await listening)
  socket.on('error', () => {})
  socket.end(bytes)
  const [answer] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [Buffer | boolean]
  socket.destroy()
  if (!Buffer.isBuffer(answer)) return undefined
  const text = answer.toString('latin1')
  if (/^HTTP\/1.1 500|INTERNAL_ERROR/.test(text)) throw new Error(`a bug in the node: ${text.slice(-300)}`)
  return Number(text.slice(9, 12))
}

const tokens: fc.Arbitrary<StoredToken> = partial(
  {
    id: fc.constant('id'),
    digest: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    name: texts,
    scopes: fc.subarray(Object.keys(SCOPES).filter(isScope)),
    createdMs: safeIntegers,
    expiresMs: safeIntegers,
  },
  ['id', 'digest', 'scopes', 'createdMs'],
)

const HTTP_WORDS = [
  'HTTP/1.1',
  'transfer-encoding: chunked\r\n',
  'content-length: 5\r\n',
  'te: trailers\r\n',
  'expect: 100-continue\r\n',
].concat([
  'upgrade: skep\r\n',
  'application/x-tar',
  'application/octet-stream',
  '&',
  '=',
  '%',
  '{',
  '"',
  '[[[[',
  '0\r\n\r\n',
])

export const CONTROL_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<HttpInput, number>({
    name: 'control-http',
    covers: ['core/control/server.ts#createControl', 'core/control/routes/core.ts#addCoreRoutes'].concat(
      'core/control/routes/peers.ts#peerRoutes',
    ),
    shape: 'text',
    words: [...HTTP_WORDS, ...WORDS, ...PATHS],
    values: inputs,
    encode: encodeHttp,
    decode: statusOf,
    toValue: () => undefined,
    maxBytes: { base: 4 * 1024 * 1024, perByte: 400 },
  }),
  fuzzTarget<StoredToken>({
    name: 'token-record',
    covers: ['core/control/tokens/stored-token.ts#decodeToken'],
    shape: 'text',
    words: ['"version":1', '"scopes":[', 'null', '1e999', '__proto__', ...Object.keys(SCOPES)],
    values: tokens,
    encode: encodeToken,
    decode: bytes => decodeToken('id', bytes),
    meaningOf: ({ digest, ...rest }) => ({ ...rest, digest: Buffer.from(digest).toString('hex') }),
    mayThrow: ['TypeError', 'SyntaxError'],
  }),
  fuzzTarget<Uint8Array>({
    name: 'swarm-key',
    covers: ['core/network/swarm-key.ts#parseSwarmKey'],
    shape: 'text',
    words: ['/key/swarm/psk/1.0.0/', '/base16/', '/base64/', '/bin/', '\n', '\r\n', '='],
    values: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    encode: key => utf8(formatSwarmKey(key)),
    decode: bytes => parseSwarmKey(textOf(bytes), '/swarm.key'),
    meaningOf: key => Buffer.from(key).toString('hex'),
    mayThrow: ['SWARM_KEY_INVALID'],
  }),
]
