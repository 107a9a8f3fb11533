import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { peerIdFromString } from '@libp2p/peer-id'
import fc from 'fast-check'
import type { Control } from '../../../../core/control/control.ts'
import { controlError } from '../../../../core/control/errors.ts'
import { addCoreRoutes } from '../../../../core/control/routes/core.ts'
import type { CoreServices } from '../../../../core/control/routes/services.ts'
import { createControl } from '../../../../core/control/server.ts'
import { Tokens } from '../../../../core/control/tokens/tokens.ts'
import { silentLogger } from '../../../../core/logger.ts'
import { NodeBlocklist } from '../../../../core/network/blocklist.ts'
import { createChangeFeed } from '../../../../core/state/change-feed.ts'
import {
  type RoutesDependencies as ReputationRoutes,
  createRoutes as reputationRoutes,
} from '../../../../plugins/reputation/routes.ts'
import {
  type RoutesDependencies as RoutingRoutes,
  createRoutes as routingRoutes,
} from '../../../../plugins/routing/routes.ts'
import {
  type RoutesDependencies as VerificationRoutes,
  createRoutes as verificationRoutes,
} from '../../../../plugins/verification/routes.ts'
import { createTestNode, entriesFrom, fileOf, streamOf } from '../../../../test/helpers/content-node.ts'
import { type FuzzTarget, fuzzTarget } from '../target.ts'
import { PEERS, record, texts, utf8 } from '../values.ts'

interface HttpInput {
  readonly method: string
  readonly path: string
  readonly query: readonly (readonly [string, string])[]
  readonly body: unknown
  /** In place of the body. */
  readonly upload?: { readonly type: string; readonly text: string }
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
  .concat(['routing', 'routing/providers/x', 'verification', 'reputation/why', 'reputation/pardon'])

/** What is there from the first: see {@link behindRoutes}. */
const HELD = [
  'bafkreicz3r4igfwpoqhqz27qsz7ckz6sayoij525sdbtmlvlhdcn75jcyy',
  'bafybeifh2cds23gapoezqxfszd2e3lsorxn2on5xcrtkxxpziife4mppki',
  '/ipfs/bafybeifh2cds23gapoezqxfszd2e3lsorxn2on5xcrtkxxpziife4mppki/a/b',
]

const names = fc.constantFrom(...WORDS)
const values = fc.oneof(
  texts,
  fc.integer().map(String),
  fc.constantFrom('true', '/ipfs/Qm', '10.0.0.0/8', '5-1', PEERS[1] ?? '', ...HELD),
)

/** What a client asks for that is right. */
const tasks: fc.Arbitrary<HttpInput> = fc.oneof(
  fc
    .tuple(fc.constantFrom('cat', 'list', 'export'), fc.constantFrom(...HELD))
    .map(([what, path]) => get(`content/${what}`, { path })),
  fc.constantFrom(...HELD).map(path => ({ ...get('pins', { path }), method: 'DELETE' })),
  fc.constantFrom(...HELD).map(path => post('pins', { path, name: 'some' })),
  texts.map(text => ({
    ...post('content', undefined),
    upload: { type: 'application/octet-stream', text },
  })),
  fc.constantFrom('10.0.0.0/8', '2001:db8::1').map(target => post('peers/blocks', { target, reason: 'why' })),
  fc.constantFrom(...HELD, ...PEERS).map(name => get(`routing/providers/${encodeURIComponent(name)}`, {})),
  fc.constantFrom(...HELD).map(path => post('verification', { path })),
  fc.constantFrom(...PEERS).map(peer => get('reputation/why', { peer })),
  fc.constantFrom('read', 'pins').map(scope => post('tokens', { scopes: [scope] })),
)

function get(path: string, query: Readonly<Record<string, string>>): HttpInput {
  return { method: 'GET', path, query: Object.entries(query), body: undefined }
}

function post(path: string, body: unknown): HttpInput {
  return { method: 'POST', path, query: [], body }
}

const inputs: fc.Arbitrary<HttpInput> = fc.oneof(tasks, anything())

function anything(): fc.Arbitrary<HttpInput> {
  return record({
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
}

function encodeHttp({ method, path, query, body, upload }: HttpInput): Uint8Array {
  const text = upload?.text ?? (body === undefined ? '' : JSON.stringify(body))
  const length = Buffer.byteLength(text)
  const type =
    upload || body !== undefined
      ? `content-type: ${upload?.type ?? 'application/json'}\r\ncontent-length: ${length}\r\n`
      : ''
  const parameters = query.map(pair => pair.map(encodeURIComponent).join('=')).join('&')
  return utf8(
    `${method} /v1/${path}?${parameters} HTTP/1.1\r\nhost: skep\r\nconnection: close\r\n${type}\r\n${text}`,
  )
}

/** What is there when the first request comes, and again and again something else when others have been. */
const FILE = utf8('a file of a few bytes')
const STORE_BYTES = 8 * 1024 * 1024

/**
 * All routes of the core, and those of plugins, over the real content, pins, storage, block list and tokens, in memory. Behind
 * whatever else would ask peers is who says no.
 */
async function addRoutes(control: Control): Promise<void> {
  const refuse = (...given: readonly unknown[]): never => {
    for (const value of given) checkGiven(value)
    throw controlError('INPUT_INVALID', 'this is as far as it goes')
  }
  const service = (known: object): object =>
    new Proxy(known, { get: (target, name) => Reflect.get(target, name) ?? refuse })
  const clocks = { wallMs: Date.now, nowMs: () => performance.now() }
  const { storage, pins, content, events } = createTestNode({
    maxBytes: STORE_BYTES,
    memoryBytes: STORE_BYTES,
  })
  await pins.start()
  await content.add(entriesFrom([{ type: 'file', path: 'a/b', bytes: streamOf(FILE) }]))
  await content.add(fileOf(FILE))
  const status = (): object => ({})
  const services = {
    access: 'owner',
    content,
    pins,
    storage,
    network: service({ self: peerIdFromString(PEERS[0] ?? ''), connections: () => [] }),
    blocklist: new NodeBlocklist({ blocked: [] }, { store: storage.index, log: silentLogger, ...clocks }),
    fleet: service({}),
    peers: service({ list: () => [] }),
    changes: createChangeFeed({ run: 'run' }, { events, now: () => 0 }),
    state: service({ status }),
    config: service({ entries: () => [] }),
    tokens: new Tokens({ store: storage.vault, log: silentLogger, ...clocks }),
    stop() {},
  } as unknown as CoreServices
  addCoreRoutes(control, services)
  const routing = service({}) as RoutingRoutes['routing']
  const reputation = service({}) as ReputationRoutes['reputation']
  const verifier = service({}) as VerificationRoutes['verifier']
  const list = service({ entries: () => [], beyond: 0 }) as VerificationRoutes['list']
  control.routes(routingRoutes({ routing, peers: services.peers, status }))
  control.routes(reputationRoutes({ reputation, known: () => PEERS, status }))
  control.routes(verificationRoutes({ content, verifier, list, status }))
}

/** No schema lets more through. */
const MAX_TEXT_CHARACTERS = 8192

function checkGiven(value: unknown, depth = 0): void {
  if (typeof value === 'string' && value.length > MAX_TEXT_CHARACTERS) throw new Error('a text is too long')
  if (Number.isNaN(value)) throw new Error('a number is none')
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
  await addRoutes(control)
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
  let text = ''
  // Whatever goes on for as long as anybody listens ends with the request.
  socket.on('data', chunk => {
    text += chunk.toString('latin1')
  })
  // What is no request may be hung up on while it is still coming.
  await new Promise(resolve => socket.once('close', resolve))
  if (text === '') return undefined
  if (/^HTTP\/1.1 500|INTERNAL_ERROR/.test(text)) throw new Error(`a bug in the node: ${text.slice(-300)}`)
  return Number(text.slice(9, 12))
}

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

export const HTTP_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<HttpInput, number>({
    name: 'control-http',
    covers: ['core/control/server.ts#createControl', 'core/control/routes/core.ts#addCoreRoutes'].concat(
      'core/control/routes/peers.ts#peerRoutes',
      ['routing', 'reputation', 'verification'].map(name => `plugins/${name}/routes.ts#createRoutes`),
    ),
    shape: 'text',
    words: [...HTTP_WORDS, ...WORDS, ...PATHS, ...HELD],
    values: inputs,
    encode: encodeHttp,
    decode: statusOf,
    toValue: () => undefined,
    maxBytes: { base: 4 * 1024 * 1024, perByte: 400 },
  }),
]
