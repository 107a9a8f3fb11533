import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import t from 'tap'
import { answerWithEvents } from '../../../core/control/answers.ts'
import { TRIES } from '../../../core/control/tcp/failed-tries.ts'
import { newToken } from '../../../core/control/tokens/token-text.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startTcp } from './tcp-server.ts'

t.test('without a token nothing answers, whether it is there or not', async t => {
  const { ask, refused } = await startTcp(t)
  for (const path of ['/v1/read', '/v1/local', '/v1/nothing', '/', '/v1/read?x=1']) {
    const { status, headers, code, text } = await ask(path)
    t.equal(status, 401, path)
    t.equal(code, 'TOKEN_REQUIRED')
    t.match(JSON.parse(text).error.fix, /skep token create/)
    t.equal(headers['www-authenticate'], 'Bearer realm="skep"')
    t.equal(headers['cache-control'], 'no-store')
    t.equal(headers['x-content-type-options'], 'nosniff')
  }
  t.match(await ask('/v1/pin', { method: 'OPTIONS' }), { status: 401 })
  t.same(await refused(), { token_missing: 6 })
})

t.test('nor does what no route can have, however it is asked', async t => {
  const { open, ask, tokenFor, refused } = await startTcp(t, { stallTimeoutMs: 200 }, app =>
    app.get('/named/:name', { config: { scope: 'read' } }, async () => ({ read: true })),
  )
  const token = await tokenFor('read')
  const answerTo = (line: string, headers = 'Host: localhost\r\n'): Promise<string> => {
    const { socket, all } = open()
    socket.write(`${line} HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`)
    return all
  }
  const bearer = `Authorization: Bearer ${token}\r\n`
  const name = 'x'.repeat(3000)
  for (const target of ['/%zz', '/v1/%ff', `/v1/named/${name}`, 'http://evil.example/v1/read', '*']) {
    t.match(await answerTo(`GET ${target}`), /^HTTP\/1.1 401 .*TOKEN_REQUIRED/s, target.slice(0, 30))
    t.match(await answerTo(`GET ${target}`, 'Host: evil.example\r\n'), /^HTTP\/1.1 403 .*HOST_REFUSED/s)
  }
  for (const target of ['/%zz', 'http://localhost/v1/read', '*'])
    t.match(
      await answerTo(`GET ${target}`, `Host: localhost\r\n${bearer}`),
      new RegExp(`^HTTP/1.1 404 .*ROUTE_NOT_FOUND.*no route GET ${target.replace('*', '\\*')}"`, 's'),
    )
  t.match(await ask(`/v1/named/${name}?q=%zz`, { token }), { status: 200 })
  t.match(await answerTo('GET /v1/read', bearer), /^HTTP\/1.1 403 .*HOST_REFUSED/s, 'no host')
  t.match(
    await answerTo('GET /v1/read', `Host: localhost\r\nHost: evil.example\r\n${bearer}`),
    /HOST_REFUSED/,
  )
  t.match(await answerTo('GET /v1/read', `Host: localhost\r\n${bearer}${bearer}`), /TOKEN_REQUIRED/)
  t.same(await refused(), { token_missing: 6, host: 7 })
  const expecting = open()
  expecting.socket.write(
    'POST /v1/pin HTTP/1.1\r\nHost: localhost\r\nExpect: more\r\nTransfer-Encoding: chunked\r\n\r\n',
  )
  const drip = setInterval(() => expecting.socket.write('1\r\nx\r\n'), 20)
  t.teardown(() => clearInterval(drip))
  t.match(await expecting.all, /^HTTP\/1.1 401 /, 'and is hung up on')
})

t.test('a token is a bearer token, and nothing else', async t => {
  const { ask, tokenFor } = await startTcp(t)
  const token = await tokenFor('read')
  for (const authorization of [`Bearer ${token}`, `bearer ${token}`, `BEARER   ${token} `]) {
    t.match(await ask('/v1/read', { headers: { authorization } }), { status: 200, text: '{"read":true}' })
  }
  for (const authorization of [token, `Basic ${token}`, `Bearer${token}`, 'Bearer', `Bearer a ${token}`]) {
    t.match(await ask('/v1/read', { headers: { authorization } }), { status: 401, code: 'TOKEN_REQUIRED' })
  }
  t.match(await ask(`/v1/read?access_token=${token}`), { status: 401 })
  t.match(await ask('/v1/read', { headers: { cookie: `token=${token}` } }), { status: 401 })
  t.match(await ask('/v1/read', { token: newToken().text }), {
    status: 401,
    code: 'TOKEN_REFUSED',
    headers: { 'www-authenticate': 'Bearer realm="skep", error="invalid_token"' },
  })
})

t.test('a token is good for its scopes', async t => {
  const { ask, tokenFor, refused, metrics } = await startTcp(t)
  const token = await tokenFor('read')
  t.match(await ask('/v1/read', { token }), { status: 200 })
  t.match(
    await ask('/v1/read', { token, method: 'HEAD' }),
    { status: 404 },
    'which would do the work for nothing',
  )
  t.match(await ask('/v1/pin', { token, method: 'POST' }), {
    status: 403,
    code: 'SCOPE_MISSING',
    text: /lacks the scope pins; it has read/,
    headers: { 'www-authenticate': 'Bearer realm="skep", error="insufficient_scope", scope="pins"' },
  })
  for (const path of ['/v1/local', '/v1/undeclared']) {
    t.match(await ask(path, { token }), { status: 403, code: 'LOCAL_ONLY' }, path)
  }
  t.match(await ask('/v1/nothing', { token }), { status: 404, code: 'ROUTE_NOT_FOUND' })
  t.same(await refused(), { scope: 1, local_route: 2 })
  t.match(await metrics.text(), /^skep_control_requests_total 3$/m)
})

t.test('a page that gives this machine a name of its own is refused', async t => {
  const { ask, tokenFor, refused, open, port } = await startTcp(t, { names: ['Pi.local'] })
  const token = await tokenFor('read')
  const by = (host: string) => ask('/v1/read', { token, headers: { host } })
  for (const host of ['127.0.0.1', `localhost:${port}`, '[::1]:1', 'pi.LOCAL', 'pi.local:443']) {
    t.match(await by(host), { status: 200 }, host)
  }
  for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example', '192.0.2.1']) {
    t.match(await by(host), { status: 403, code: 'HOST_REFUSED' }, host)
  }
  const old = open()
  old.socket.write(`GET /v1/read HTTP/1.0\r\nAuthorization: Bearer ${token}\r\n\r\n`)
  t.match(await old.all, /^HTTP\/1.1 403 .*HOST_REFUSED/s, 'nor without a name')
  t.same(await refused(), { host: 5 })
})

t.test('a foreign page may ask nothing, not even with a token', async t => {
  const { ask, tokenFor, refused, port } = await startTcp(t)
  const token = await tokenFor('pins')
  for (const origin of ['https://evil.example', 'null', 'http://localhost:1', `https://127.0.0.1:${port}1`]) {
    for (const asked of [{ method: 'POST', token }, { method: 'OPTIONS' }, { method: 'GET' }]) {
      const headers = { origin, 'access-control-request-method': 'POST' }
      const { status, code, ...answer } = await ask('/v1/pin', { ...asked, headers })
      t.match({ status, code }, { status: 403, code: 'ORIGIN_REFUSED' }, origin)
      t.notOk(Object.keys(answer.headers).some(name => name.startsWith('access-control')))
    }
  }
  t.same(await refused(), { origin: 12 })
  const same = { token, method: 'POST', headers: { origin: `http://127.0.0.1:${port}` } }
  t.match(await ask('/v1/pin', same), { status: 200 }, 'what a proxy serves beside it is no foreign page')
})

t.test('a page that is named may ask, with a token', async t => {
  const origin = 'https://dash.example.org'
  const { ask, tokenFor } = await startTcp(t, { origins: [origin] })
  const token = await tokenFor('pins')
  const preflight = {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'DELETE',
      'access-control-request-headers': 'authorization,content-type',
    },
  }
  for (const path of ['/v1/pin', '/v1/local', '/v1/nothing']) {
    const { status, headers, text } = await ask(path, preflight)
    t.equal(status, 204)
    t.equal(text, '')
    t.match(headers, {
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, POST, DELETE',
      'access-control-allow-headers': 'authorization, content-type',
      'access-control-max-age': '600',
      vary: 'origin',
    })
    t.notOk(headers['access-control-allow-credentials'], 'there are no cookies')
  }
  const asked = { method: 'POST', headers: { origin } }
  const readable = { 'access-control-allow-origin': origin, vary: 'origin' }
  t.match(await ask('/v1/pin', { ...asked, token }), { status: 200, headers: readable })
  t.match(await ask('/v1/pin', asked), { status: 401, headers: readable }, 'it may read why it is refused')
  t.match(
    await ask('/v1/pin', { method: 'OPTIONS', headers: { origin } }),
    { status: 401 },
    'that is no preflight',
  )
})

t.test('a body is JSON that says so, and not too long', async t => {
  const { ask, tokenFor } = await startTcp(t)
  const token = await tokenFor('pins')
  const post = (type: string, body: string) =>
    ask('/v1/pin', { token, method: 'POST', headers: { 'content-type': type }, body })
  t.match(await post('application/json', '{"a":1}'), { status: 200, text: '{"got":{"a":1}}' })
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
    t.match(await post(type, '{"a":1}'), { status: 415, code: 'INPUT_INVALID' }, type)
    t.match(JSON.parse((await post(type, '{}')).text).error.message, `the content type is ${type}; expected`)
  }
  t.match(await post('application/json', JSON.stringify('x'.repeat(70_000))), {
    status: 413,
    code: 'INPUT_INVALID',
  })
  t.match(await post('application/json', '{"a":'), { status: 400, code: 'INPUT_INVALID' })
  t.match(await post('application/json', '{"__proto__":{"a":1}}'), { status: 400 })
})

t.test('what is no HTTP, or too much of it', async t => {
  const { open, refused, ask, tokenFor } = await startTcp(t)
  const answerTo = (bytes: string | Uint8Array): Promise<string> => {
    const { socket, all } = open()
    socket.write(bytes)
    return all
  }
  t.match(await answerTo('GARBAGE\r\n\r\n'), /^HTTP\/1.1 400 .*"code":"REQUEST_MALFORMED".*"fix":/s)
  t.match(await answerTo(Buffer.of(22, 3, 1, 0, 200, 1)), /^HTTP\/1.1 400 /, 'a TLS handshake')
  const request = 'GET /v1/read HTTP/1.1\r\nHost: localhost\r\n'
  t.match(await answerTo(`${request}X: ${'x'.repeat(9000)}\r\n\r\n`), /^HTTP\/1.1 431 .*HEADERS_TOO_LARGE/s)
  t.match(await answerTo(`${request}${'a: b\r\n'.repeat(3000)}\r\n`), /^HTTP\/1.1 431 /)
  t.match(
    await answerTo(`${request}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`),
    /^HTTP\/1.1 400 /,
    'smuggling',
  )
  t.same(await refused(), { malformed: 5 })
  t.match(await ask('/v1/read', { token: await tokenFor('read') }), { status: 200 }, 'others are answered')
})

t.test('headers that take for ever', async t => {
  const { open, refused, ask, tokenFor } = await startTcp(t, { requestTimeoutMs: 200 })
  const silent = open()
  const slow = open()
  slow.socket.write('GET /v1/read HTTP/1.1\r\nHost: localhost\r\n')
  const drip = setInterval(() => slow.socket.write('X: y\r\n'), 40)
  t.teardown(() => clearInterval(drip))
  t.match(await slow.all, /^HTTP\/1.1 408 .*REQUEST_TIMEOUT/s)
  t.match(await silent.all, /^HTTP\/1.1 408 /)
  t.same(await refused(), { slow_request: 2 })
  t.match(await ask('/v1/read', { token: await tokenFor('read') }), { status: 200 })
})

t.test('a body that takes for ever', async t => {
  const { open, refused, tokenFor } = await startTcp(t, { stallTimeoutMs: 200 })
  const { socket, all } = open()
  const token = await tokenFor('pins')
  socket.write(
    `POST /v1/pin HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n`,
  )
  const drip = setInterval(() => socket.write(' '), 20)
  t.teardown(() => clearInterval(drip))
  t.equal(await all, '')
  t.same(await refused(), { slow_body: 1 })
})

t.test('who is refused and sends on is hung up on', async t => {
  const { open } = await startTcp(t, { stallTimeoutMs: 200 })
  const { socket, all } = open()
  socket.write('POST /v1/pin HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n')
  const drip = setInterval(() => socket.write('1\r\nx\r\n'), 20)
  t.teardown(() => clearInterval(drip))
  t.match(await all, /^HTTP\/1.1 401 /)
})

t.test('a client that does not read its answer', async t => {
  let isLeft = false
  const { open, refused, tokenFor } = await startTcp(t, { stallTimeoutMs: 300 }, app =>
    app.get('/flood', { config: { scope: 'read' } }, (request, reply) =>
      answerWithEvents<never, string>(request, reply, async ({ item }) => {
        try {
          for (;;) await item('x'.repeat(64 * 1024))
        } finally {
          isLeft = true
        }
      }),
    ),
  )
  const { socket, all } = open()
  socket.pause()
  socket.write(
    `GET /v1/flood HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${await tokenFor('read')}\r\n\r\n`,
  )
  await eventually('it to be cut off', async () => ((await refused()).slow_reader ? true : undefined))
  t.ok(await eventually('the operation to end', () => isLeft || undefined))
  socket.resume()
  await all
})

t.test('a quiet answer is no stall', async t => {
  const release = Promise.withResolvers<void>()
  const { ask, tokenFor, refused } = await startTcp(t, { stallTimeoutMs: 100, requestTimeoutMs: 100 }, app =>
    app.get('/quiet', { config: { scope: 'read' } }, async () => {
      await release.promise
      return { done: true }
    }),
  )
  const answered = ask('/v1/quiet', { token: await tokenFor('read') })
  // Much longer than any of the times above.
  setTimeout(release.resolve, 700)
  t.match(await answered, { status: 200 })
  t.same(await refused(), {})
})

t.test('a connection asks one thing at a time', async t => {
  const { open, refused, tokenFor } = await startTcp(t)
  const token = await tokenFor('read')
  const get = (path: string, extra = '') =>
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n${extra}\r\n`
  const patient = open()
  for (const path of ['/v1/read', '/v1/local']) {
    patient.socket.write(get(path))
    await once(patient.socket, 'data')
  }
  patient.socket.write(get('/v1/nothing', 'Connection: close\r\n'))
  t.same(
    Array.from((await patient.all).matchAll(/HTTP\/1.1 (\d+)/g), ([, status]) => status),
    ['200', '403', '404'],
  )
  const hasty = open()
  hasty.socket.write(get('/v1/read').repeat(200))
  t.notMatch(await hasty.all, /HTTP.*HTTP/s, 'the second one is hung up on')
  t.same(await refused(), { local_route: 1, pipelining: 1 })
})

t.test('a request ends with its connection', async t => {
  const asked = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<unknown>()
  const { open, tokenFor } = await startTcp(t, {}, app =>
    app.get('/wait', { config: { scope: 'read' } }, async request => {
      asked.resolve()
      await once(request.cancelled, 'abort')
      ended.resolve(request.cancelled.reason)
    }),
  )
  const { socket } = open()
  socket.write(
    `GET /v1/wait HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${await tokenFor('read')}\r\n\r\n`,
  )
  await asked.promise
  socket.destroy()
  t.match(await ended.promise, { code: 'CLIENT_GONE' })
})

t.test('ten thousand wrong tokens', async t => {
  const { ask, tokenFor, refused, tokens, listener } = await startTcp(t)
  const token = await tokenFor('read')
  const statuses = new Map<number, number>()
  const tries = 10_000
  let left = tries
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  t.teardown(() => agent.destroy())
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const { status, headers } = await ask('/v1/read', { token: newToken().text, agent })
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      if (status === 429 && !(Number(headers['retry-after']) >= 1)) t.fail('no retry-after')
    }
  }
  const startMs = performance.now()
  await Promise.all(Array.from({ length: 8 }, worker))
  const seconds = (performance.now() - startMs) / 1000
  const allowed = TRIES.burst + Math.ceil(seconds * TRIES.perSecond) + 1
  const judged = statuses.get(401) ?? 0
  t.ok(judged >= TRIES.burst && judged <= allowed, `${judged} were judged, of ${allowed} at most`)
  t.equal(statuses.get(429), tries - judged)
  t.same(await refused(), { token_unknown: judged, too_many_tries: tries - judged })
  t.match(await ask('/v1/read', { token }), { status: 200 }, 'who has a right one is not locked out')
  t.match(
    await ask('/v1/read', { token: newToken().text, from: '127.0.0.9' }),
    { status: 401 },
    'another host',
  )
  t.equal(tokens.list().length, 1)
  t.ok(listener.connections <= 8)
})

t.test('connections: all in all, and of one host', async t => {
  const gates: PromiseWithResolvers<void>[] = []
  const { refused, listener, ask, tokenFor } = await startTcp(
    t,
    { maxConnections: 4, maxConnectionsPerHost: 2 },
    app =>
      app.get('/wait', { config: { scope: 'read' } }, async () => {
        const gate = Promise.withResolvers<void>()
        gates.push(gate)
        await gate.promise
        return { waited: true }
      }),
  )
  const token = await tokenFor('read')
  const wait = async (from: string) => {
    const waiting = ask('/v1/wait', { token, from })
    const before = gates.length
    await eventually('it to be asked', () => gates.length > before || undefined)
    return waiting.then(({ status }) => status)
  }
  const hungUp = (from: string) => t.rejects(ask('/v1/read', { token, from }), { code: 'ECONNRESET' })
  const held = [wait('127.0.0.1'), wait('127.0.0.1')]
  await eventually('two of one host', () => gates.length === 2 || undefined)
  await hungUp('127.0.0.1')
  t.match(await ask('/v1/read', { token, from: '127.0.0.2' }), { status: 200 })
  held.push(wait('127.0.0.3'), wait('127.0.0.4'))
  await eventually('four', () => gates.length === 4 || undefined)
  await hungUp('127.0.0.5')
  t.same(await refused(), { connections: 1, connections_of_host: 1 })
  for (const { resolve } of gates) resolve()
  t.same(await Promise.all(held), [200, 200, 200, 200], 'who asks is not interrupted')
  await eventually('room', () => listener.connections === 0 || undefined)
  t.match(await ask('/v1/read', { token }), { status: 200 })
})

t.test('who has no request makes room: a web page can open connections, and leave them', async t => {
  const { open, refused, listener, ask, tokenFor } = await startTcp(t, {
    maxConnections: 4,
    maxConnectionsPerHost: 2,
  })
  const token = await tokenFor('read')
  const first = open()
  await eventually('the first one', () => listener.connections === 1 || undefined)
  const second = open()
  second.socket.write('GET /v1/read HTTP/1.1\r\nHost: local')
  await eventually('two of one host', () => listener.connections === 2 || undefined)
  t.match(await ask('/v1/read', { token }), { status: 200 })
  t.equal(await first.all, '', 'the one that was quiet for longest is hung up on')
  for (const from of ['127.0.0.2', '127.0.0.3', '127.0.0.4']) open(from)
  await eventually('four', () => listener.connections === 4 || undefined)
  t.match(await ask('/v1/read', { token, from: '127.0.0.5' }), { status: 200 })
  t.equal(await second.all, '')
  t.same(await refused(), { connections: 1, connections_of_host: 1 })
})

t.test('a token that ends cuts off what it does', async t => {
  const { tokens, port, tokenFor, ask } = await startTcp(t, { stallTimeoutMs: 200 }, app =>
    app.get('/follow', { config: { scope: 'read' } }, (request, reply) =>
      answerWithEvents<never, number>(request, reply, async ({ item }) => {
        await item(1)
        await once(request.cancelled, 'abort')
        throw request.cancelled.reason
      }),
    ),
  )
  const follow = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` }
    const request = httpRequest({ host: '127.0.0.1', port, path: '/v1/follow', headers, agent: false }).end()
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    await once(answer, 'readable')
    return answer
  }
  const kept = await tokenFor('read')
  const revoked = await tokens.create({ scopes: ['read'], name: 'desk' })
  const expiring = await tokens.create({ scopes: ['read'], expiresInMs: 1500 })
  const [keptAnswer, ...answers] = await Promise.all([kept, revoked.token, expiring.token].map(follow))
  await tokens.revoke('desk')
  const ends = await Promise.all(
    answers.map(async answer => Buffer.concat(await answer.toArray()).toString()),
  )
  t.match(ends, [
    /^\{"item":1\}\n\{"error":\{"code":"TOKEN_REFUSED","message":"token \w+ was revoked"/,
    /^\{"item":1\}\n\{"error":\{"code":"TOKEN_REFUSED","message":"token \w+ has expired"/,
  ])
  t.match(await ask('/v1/read', { token: revoked.token }), { status: 401, code: 'TOKEN_REFUSED' })
  t.match(await ask('/v1/read', { token: expiring.token }), { status: 401, text: /has expired/ })
  t.equal(keptAnswer?.readableEnded, false, 'another goes on')
  keptAnswer?.destroy()
})

t.test('a request whose token ends before all of it is here does nothing', async t => {
  let ran = 0
  const { tokens, open, listener } = await startTcp(t, {}, app =>
    app.post('/change', { config: { scope: 'pins' } }, async () => ({ ran: ++ran })),
  )
  const { token } = await tokens.create({ scopes: ['pins'], name: 'desk' })
  const { socket, all } = open()
  const head = (length: number): string =>
    `POST /v1/change HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n`
  socket.write(`${head(2)}\r\n{}`)
  await once(socket, 'data')
  socket.write(`${head(7)}Connection: close\r\n\r\n{"a":`)
  await once(listener.server, 'request')
  await tokens.revoke('desk')
  socket.write('1}')
  t.match(await all, /^HTTP\/1.1 200 .*HTTP\/1.1 401 .*TOKEN_REFUSED.*was revoked/s)
  t.equal(ran, 1)
})

t.test('a connection outlives its token, and is of no use', async t => {
  const { tokens, open } = await startTcp(t)
  const { token } = await tokens.create({ scopes: ['read'], name: 'desk' })
  const { socket, all } = open()
  const get = (extra = '') =>
    socket.write(`GET /v1/read HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n${extra}\r\n`)
  get()
  await once(socket, 'data')
  await tokens.revoke('desk')
  get('Connection: close\r\n')
  t.match(await all, /^HTTP\/1.1 200 .*HTTP\/1.1 401 /s)
})

t.test('a port that is taken, and an address of somebody else', async t => {
  const { port } = await startTcp(t)
  await t.rejects(startTcp(t, { port }), { code: 'PORT_IN_USE', fix: /control\.port/ })
  await t.rejects(startTcp(t, { host: '192.0.2.1' }), { code: 'LISTEN_FAILED', fix: /control\.host/ })
})

t.test('closing cancels what runs by TCP, answers it, and hangs up on the rest', async t => {
  const { control, listener, open, ask, tokenFor } = await startTcp(t, {}, app =>
    app.get('/wait', { config: { scope: 'read' } }, async request => {
      await once(request.cancelled, 'abort')
      throw request.cancelled.reason
    }),
  )
  const idle = open()
  const waiting = ask('/v1/wait', { token: await tokenFor('read') })
  await eventually('both', () => listener.connections === 2 || undefined)
  listener.close()
  await control.close()
  t.match(await waiting, { status: 503, code: 'NODE_STOPPING' })
  t.equal(await idle.all, '')
  t.equal(listener.url, undefined)
  listener.close()
})
