import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import type { FastifyInstance, RouteOptions } from 'fastify'
import t, { type Test } from 'tap'
import { createClient } from '../../core/cli/client.ts'
import { loadConfig } from '../../core/config/load.ts'
import { createPluginLoader } from '../../core/config/load-plugin.ts'
import { type RouteScope, SCOPES, type Scope } from '../../core/control/scopes.ts'
import type { MadeToken, TokenInfo } from '../../core/control/tokens/tokens.ts'
import { silentLogger } from '../../core/logger.ts'
import { startNode } from '../../core/node.ts'
import { probeMachine } from '../../core/resources/probe.ts'
import type { NodeStatus } from '../../core/state/node-state.ts'
import { catalogue } from '../../plugins/catalogue.ts'
import { QUIET } from '../helpers/quiet-node.ts'
import { SkepProcess, skep } from '../helpers/skep-process.ts'
import { temporaryDirectory } from '../helpers/temporary-directory.ts'

const ALL = Object.keys(SCOPES) as Scope[]
/** What changes nothing, or no more than a reader has to. */
const READING: readonly RouteScope[] = ['read', 'get']

interface Route {
  readonly method: string
  readonly path: string
  readonly scope: RouteScope | undefined
}

/** A node with every plugin, in this process, and its routes beneath `/v1`. Goes with the test. */
async function startWhole(t: Test) {
  const directory = await temporaryDirectory(t)
  const routes: Route[] = []
  const onApp = (message: unknown): void => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url, config }: RouteOptions) => {
      if (!url.startsWith('/v1/')) return
      for (const each of [method].flat()) routes.push({ method: each, path: url, scope: config?.scope })
    })
  }
  subscribe('fastify.initialization', onApp)
  t.teardown(() => unsubscribe('fastify.initialization', onApp))
  const config = await loadConfig({
    env: {},
    set: [...QUIET.filter(word => word !== '--set'), 'control.port=0', 'control.maxConnections=1000'],
    machine: await probeMachine(),
    loadPlugin: createPluginLoader(catalogue),
    builtIn: Object.keys(catalogue),
  })
  const socketPath = join(directory, 'skep.sock')
  const node = await startNode({
    config,
    dataDirectory: directory,
    socketPath,
    version: '1.2.3',
    log: silentLogger,
    onFatal(error) {
      throw error
    },
  })
  t.teardown(() => node.stop())
  return { node, routes, client: createClient(socketPath), url: urlOf(node.status()) }
}

function urlOf({ details }: Pick<NodeStatus, 'details'>): string {
  return (details.control as { url: string }).url
}

/** The status and the error code; an answer that goes on is left. */
async function ask(url: string, method: string, token: string) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const request = httpRequest(url, { method, headers, agent: false }).end(
    method === 'POST' ? '{}' : undefined,
  )
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  const isWhole = answer.headers['content-length'] !== undefined
  const text = isWhole ? Buffer.concat(await answer.toArray()).toString() : ''
  request.destroy()
  return {
    status: answer.statusCode ?? 0,
    code: text.startsWith('{"error"') ? JSON.parse(text).error.code : undefined,
  }
}

t.test('every route asks for one scope, and that one alone opens it', async t => {
  const { node, routes, client, url } = await startWhole(t)
  t.ok(routes.length > 40, `${routes.length} routes`)
  for (const { method, path, scope } of routes) {
    t.ok(scope === 'local' || (scope !== undefined && ALL.includes(scope)), `${method} ${path}: ${scope}`)
    if (scope === 'local' || scope === 'node') continue
    const isReading = method === 'GET'
    t.equal(READING.includes(scope as RouteScope), isReading, `${method} ${path}: ${scope}`)
  }
  for (const scope of ALL)
    t.ok(
      routes.some(route => route.scope === scope),
      scope,
    )

  const tokens = new Map<Scope, string>()
  for (const scope of ALL) {
    const { token } = await client.operate<MadeToken>({
      method: 'POST',
      path: 'tokens',
      body: { scopes: [scope] },
    })
    tokens.set(scope, token)
  }
  for (const route of routes) {
    const outcomes: Record<string, unknown> = {}
    const expected: Record<string, unknown> = {}
    for (const [scope, token] of tokens) {
      const isOpen = route.scope === scope
      // That ends it; once is enough, below.
      if (isOpen && route.path === '/v1/stop') continue
      const { status, code } = await ask(url + route.path.replace(':cid', 'x'), route.method, token)
      const isRefused = status === 403 && (code === 'SCOPE_MISSING' || code === 'LOCAL_ONLY')
      outcomes[scope] = isRefused ? 'refused' : status === 401 ? 'not known' : 'open'
      expected[scope] = isOpen ? 'open' : 'refused'
    }
    t.same(outcomes, expected, `${route.method} ${route.path}`)
  }
  t.match(await ask(`${url}/v1/stop`, 'POST', tokens.get('node') ?? ''), { status: 202 })
  await node.stopped
})

t.test('secrets, and what is for the machine itself, are not told by TCP', async t => {
  const { routes } = await startWhole(t)
  const local = routes.filter(({ scope }) => scope === 'local').map(({ method, path }) => `${method} ${path}`)
  for (const route of [
    'GET /v1/tokens',
    'POST /v1/tokens',
    'DELETE /v1/tokens',
    'POST /v1/fleet/key',
    'POST /v1/fleet/key/backup',
    'DELETE /v1/fleet',
    'POST /v1/content/file',
  ]) {
    t.ok(local.includes(route), route)
  }
})

t.test('tokens by the command line, across a restart', async t => {
  const directory = await temporaryDirectory(t)
  const start = async () => {
    const node = await SkepProcess.start(directory, [...QUIET, '--set', 'control.port=0'])
    t.teardown(() => node.end('SIGKILL'))
    return { node, url: urlOf(await node.json<NodeStatus>(['status'])) }
  }
  const first = await start()
  t.match(await first.node.run(['status']), {
    stdout: new RegExp(`^control +${first.url}, with a token$`, 'm'),
  })
  const { token, ...made } = await first.node.json<MadeToken>(
    'token create --scope read,pins --scope read --expires 30d --name backup'.split(' '),
  )
  t.match(made, { name: 'backup', scopes: ['read', 'pins'], isExpired: false })
  t.equal((made.expiresMs ?? 0) - made.createdMs, 30 * 86_400_000)
  const { stdout: plain, stderr } = await first.node.run(['token', 'create', '--scope', 'node'])
  t.match(plain, /^skep-token-[0-9a-f]{12}-[\w-]{43}\n$/)
  t.equal(stderr, '', 'what is not told to a person')
  t.match(await ask(`${first.url}/v1/status`, 'GET', token), { status: 200 })
  t.match(await first.node.run(['token', 'ls']), {
    code: 0,
    stdout:
      /^ID +NAME +SCOPES +MADE +ENDS +USED\n\w{12} +backup +read,pins +\S.* ago +in (?:29d 23h|30d) +\S.* ago\n\w{12} +- +node +.* ago +never +-\n$/,
  })
  t.notMatch(first.node.log.join('\n'), token.slice(-43))
  t.match(await first.node.run(['token', 'create', '--scope', 'read', '--name', 'backup']), {
    code: 1,
    stderr: /fix: Choose another name/,
  })
  await first.node.end()

  const { node, url } = await start()
  t.match(await ask(`${url}/v1/status`, 'GET', token), { status: 200 })
  t.match(await ask(`${url}/v1/storage/verify-refs`, 'POST', token), { status: 403, code: 'SCOPE_MISSING' })
  t.match(await node.json<TokenInfo>(['token', 'revoke', 'backup']), { id: made.id, name: 'backup' })
  t.match(await ask(`${url}/v1/status`, 'GET', token), { status: 401, code: 'TOKEN_REFUSED' })
  t.match(await node.run(['token', 'revoke', 'backup']), {
    code: 1,
    stderr: /no token .*\nfix: See `skep token ls`/,
  })
  t.match(await node.run(['token', 'revoke', plain.slice(11, 23)]), { code: 0, stdout: /^revoked \w{12}\n$/ })
  t.same(await node.run(['token', 'ls', '--json']), { code: 0, stdout: '', stderr: '' })
  t.match(await node.run(['token', 'ls']), { stdout: 'there are no tokens\n' })
})

t.test('mistakes of the command line', async t => {
  t.match(await skep(['token', 'create', '--scope', 'read,fly']), {
    code: 2,
    stderr: /'fly' is none of read, get, add/,
  })
  t.match(await skep(['token', 'create']), { code: 2, stderr: /--scope/ })
  t.match(await skep(['token', 'create', '--scope', 'read', '--expires', '1ms']), {
    code: 2,
    stderr: /from 1s to/,
  })
})

t.test(
  'nothing listens by TCP unless it is asked to, nor beyond this machine unless that is said',
  async t => {
    const directory = await temporaryDirectory(t)
    const node = await SkepProcess.start(directory, QUIET)
    t.teardown(() => node.end('SIGKILL'))
    const { details } = await node.json<NodeStatus>(['status'])
    t.equal(details.control, undefined)
    await node.end()
    t.match(
      await skep([
        'start',
        '--data',
        directory,
        ...QUIET,
        '--set',
        'control.port=0',
        '--set',
        'control.host=0.0.0.0',
      ]),
      {
        code: 1,
        stderr: /control\.host.*others can reach 0\.0\.0\.0/,
      },
    )
  },
)
