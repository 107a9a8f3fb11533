import { spawn } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage, type Server } from 'node:http'
import { connect, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { createClient } from '../../../core/cli/client.ts'
import { answerWithBytes, answerWithEvents } from '../../../core/control/answers.ts'
import { createControl } from '../../../core/control/server.ts'
import { MAX_SOCKET_CONNECTIONS } from '../../../core/control/socket-guests.ts'
import { MAX_SOCKET_PATH_BYTES } from '../../../core/control/socket-path.ts'
import { SkepError } from '../../../core/errors.ts'
import { silentLogger } from '../../../core/logger.ts'
import { eventually } from '../../helpers/eventually.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

const MIB = 1024 * 1024

async function start(t: Test, add: (app: FastifyInstance) => void = () => {}) {
  const socketPath = join(await temporaryDirectory(t), 'skep.sock')
  const control = createControl({ socketPath }, { log: silentLogger })
  control.routes(add)
  await control.listen()
  t.teardown(() => control.close())
  return { control, socketPath, client: createClient(socketPath) }
}

/** One plain HTTP request, as another tool would make it. */
async function get(socketPath: string, path: string, method = 'GET') {
  const request = httpRequest({ socketPath, path, method, agent: false }).end()
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  const text = Buffer.concat(await answer.toArray()).toString()
  return { status: answer.statusCode, text }
}

const unavailable = () =>
  new SkepError('CONTENT_UNAVAILABLE', 'nobody has it; asked: Ünal', 'Connect to somebody.')

t.test('the socket belongs to its owner alone, whatever the umask', async t => {
  const umask = process.umask(0)
  t.teardown(() => process.umask(umask))
  const { socketPath, control } = await start(t)
  t.equal(statSync(socketPath).mode & 0o777, 0o600)
  t.equal(process.umask(), 0, 'the umask is as it was')
  await control.close()
  t.throws(() => statSync(socketPath), { code: 'ENOENT' }, 'gone when closed')
  await control.close()
})

t.test('a socket for the group', async t => {
  const socketPath = join(await temporaryDirectory(t), 'skep.sock')
  const control = createControl({ socketPath, access: 'group' }, { log: silentLogger })
  t.teardown(() => control.close())
  await control.listen()
  t.equal(statSync(socketPath).mode & 0o777, 0o660)
})

t.test('a path that is too long is told with its length and the limit', async t => {
  const longest = `/tmp/${'x'.repeat(MAX_SOCKET_PATH_BYTES - 5)}`
  const control = createControl({ socketPath: longest }, { log: silentLogger })
  await control.listen()
  await control.close()

  const socketPath = `${longest.slice(0, -1)}é`
  const bytes = Buffer.byteLength(socketPath)
  const tooLong = createControl({ socketPath }, { log: silentLogger })
  await t.rejects(tooLong.listen(), {
    code: 'SOCKET_PATH_TOO_LONG',
    message: new RegExp(`${bytes} bytes.* ${MAX_SOCKET_PATH_BYTES}$`),
    fix: /--socket/,
  })
  t.throws(() => createClient(socketPath), { code: 'SOCKET_PATH_TOO_LONG' })
  await tooLong.close()
})

t.test('what a killed node left is replaced', async t => {
  const socketPath = join(await temporaryDirectory(t), 'skep.sock')
  const script = `require('net').createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 'SIGKILL'))`
  await once(spawn(process.execPath, ['-e', script]), 'exit')
  t.ok(statSync(socketPath).isSocket(), 'it is there')
  await t.rejects(createClient(socketPath).get('status'), { code: 'NODE_NOT_RUNNING' })

  const control = createControl({ socketPath }, { log: silentLogger })
  control.routes(app => app.get('/here', async () => 'yes'))
  await control.listen()
  t.teardown(() => control.close())
  t.equal((await get(socketPath, '/v1/here')).text, 'yes')
})

t.test('of nodes that start at once, one replaces it', async t => {
  const socketPath = join(await temporaryDirectory(t), 'skep.sock')
  const script = `require('net').createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 'SIGKILL'))`
  await once(spawn(process.execPath, ['-e', script]), 'exit')
  const controls = Array.from({ length: 8 }, (_, at) => {
    const control = createControl({ socketPath }, { log: silentLogger })
    control.routes(app => app.get('/who', async () => ({ at })))
    t.teardown(() => control.close())
    return control
  })
  const outcomes = await Promise.allSettled(controls.map(control => control.listen()))
  const first = outcomes.findIndex(({ status }) => status === 'fulfilled')
  t.match(
    outcomes.toSpliced(first, 1),
    Array.from({ length: 7 }, () => ({ status: 'rejected', reason: { code: 'SOCKET_IN_USE' } })),
  )
  t.same(await createClient(socketPath).get('who'), { at: first }, 'which is the one that answers')
})

t.test('a socket that somebody answers on is left alone, and so is another file', async t => {
  const { socketPath, client } = await start(t, app => app.get('/here', async () => ({ yes: true })))
  const second = createControl({ socketPath }, { log: silentLogger })
  await t.rejects(second.listen(), { code: 'SOCKET_IN_USE' })
  await second.close()
  t.same(await client.get('here'), { yes: true }, 'the first one still answers')

  const file = join(dirname(socketPath), 'file')
  writeFileSync(file, 'precious')
  await t.rejects(createControl({ socketPath: file }, { log: silentLogger }).listen(), {
    code: 'SOCKET_FAILED',
    message: /not a socket/,
  })
  t.equal(readFileSync(file, 'utf8'), 'precious')
  await t.rejects(createControl({ socketPath: join(file, 'x') }, { log: silentLogger }).listen(), {
    code: 'SOCKET_FAILED',
  })
})

t.test('errors have a status, a code, a message and a fix', async t => {
  const { socketPath, client } = await start(t, app => {
    app.get('/unavailable', async () => {
      throw unavailable()
    })
    app.get('/bug', async () => {
      throw new TypeError('x is undefined')
    })
    app.post('/strict', {
      schema: {
        body: { type: 'object', additionalProperties: false, properties: { n: { type: 'integer' } } },
      },
      handler: async () => ({}),
    })
  })
  const { status, text } = await get(socketPath, '/v1/unavailable')
  t.equal(status, 504)
  const { code, message, fix } = unavailable()
  t.same(JSON.parse(text), { error: { code, message, fix } })
  await t.rejects(client.get('unavailable'), { code, message, fix })

  t.match(await get(socketPath, '/v1/bug'), { status: 500, text: /INTERNAL_ERROR.*x is undefined.*report/ })
  t.match(await get(socketPath, '/v1/nothing'), { status: 404, text: /ROUTE_NOT_FOUND/ })

  const post = (body: object) => client.operate({ method: 'POST', path: 'strict', body })
  await t.rejects(post({ n: 'x' }), { code: 'INPUT_INVALID', message: /n must be integer/ })
  await t.rejects(post({ m: 1 }), { code: 'INPUT_INVALID', message: /additional properties/ })
  await t.rejects(post({ n: 'x'.repeat(100_000) }), { code: 'INPUT_INVALID', message: /too large/ })
})

t.test('an operation answers with items and progress, then its result', async t => {
  const { client, socketPath } = await start(t, app => {
    app.get('/work', (request, reply) =>
      answerWithEvents<{ done: boolean }, number>(request, reply, async ({ progress, item }) => {
        progress({ bytes: 1, blocks: 1, totalBytes: 2 })
        for (let n = 0; n < 3; n++) await item(n)
        return { done: true }
      }),
    )
    app.get('/fails', (request, reply) =>
      answerWithEvents(request, reply, async ({ item }) => {
        await item(1 as never)
        throw unavailable()
      }),
    )
    app.get('/refuses', (request, reply) =>
      answerWithEvents(request, reply, async () => {
        throw unavailable()
      }),
    )
    app.get('/breaks', (_request, reply) => {
      reply.hijack()
      reply.raw.end('{"item":1}\n')
    })
  })
  const seen: unknown[] = []
  const observers = { onItem: (n: number) => seen.push(n), onProgress: (p: object) => seen.push(p) }
  t.same(await client.operate({ method: 'GET', path: 'work', ...observers }), { done: true })
  t.same(seen, [{ bytes: 1, blocks: 1, totalBytes: 2 }, 0, 1, 2])
  t.equal(
    (await get(socketPath, '/v1/work')).text,
    '{"progress":{"bytes":1,"blocks":1,"totalBytes":2}}\n{"item":0}\n{"item":1}\n{"item":2}\n{"result":{"done":true}}\n',
  )

  await t.rejects(client.operate({ method: 'GET', path: 'fails' }), { code: 'CONTENT_UNAVAILABLE' })
  t.match(await get(socketPath, '/v1/fails'), {
    status: 200,
    text: /^{"item":1}\n{"error":{"code":"CONTENT_UNAV/,
  })
  t.match(await get(socketPath, '/v1/refuses'), { status: 504 }, 'a status where nothing was sent before')
  await t.rejects(
    client.operate({ method: 'GET', path: 'breaks' }),
    { code: 'NODE_GONE' },
    'no result, no success',
  )
})

t.test('a body that fails on its way is never a short success', async t => {
  async function* failing(error: Error) {
    yield Buffer.alloc(MIB)
    throw error
  }
  const { client, socketPath } = await start(t, app => {
    const answer = (error: () => Error) => (request: FastifyRequest, reply: FastifyReply) =>
      answerWithBytes(request, reply, failing(error()), () => ({}))
    app.get('/fails', answer(unavailable))
    app.get(
      '/long',
      answer(() => new SkepError('CONTENT_UNAVAILABLE', 'é😀'.repeat(50_000), 'f')),
    )
    app.get('/empty', (request, reply) =>
      answerWithBytes(request, reply, (async function* () {})(), () => ({})),
    )
  })
  const { code, message, fix } = unavailable()
  let bytes = 0
  const read = async (path: string) => {
    for await (const chunk of client.download(path)) bytes += chunk.length
  }
  await t.rejects(read('fails'), { code, message, fix })
  t.equal(bytes, MIB, 'what came before the error is read')
  await t.rejects(read('long'), { code: 'CONTENT_UNAVAILABLE', message: /^é😀/ }, 'a long message is cut')
  await read('empty')

  await t.rejects(
    get(socketPath, '/v1/fails'),
    { code: 'ECONNRESET' },
    'without trailers the connection breaks',
  )
})

t.test('a client that leaves aborts its operation', async t => {
  const started = Promise.withResolvers<void>()
  const aborted = Promise.withResolvers<unknown>()
  const { client } = await start(t, app => {
    app.get('/wait', (request, reply) =>
      answerWithEvents(request, reply, async () => {
        started.resolve()
        await once(request.cancelled, 'abort')
        aborted.resolve(request.cancelled.reason)
        throw request.cancelled.reason
      }),
    )
  })
  const leave = new AbortController()
  const waiting = client.operate({ method: 'GET', path: 'wait', signal: leave.signal })
  await started.promise
  leave.abort(new Error('no time'))
  await t.rejects(waiting, { message: 'no time' })
  t.match(await aborted.promise, { code: 'CLIENT_GONE' })
})

t.test('an upload that is refused midway gets the answer, not a broken connection', async t => {
  const { client } = await start(t, app => {
    app.post('/refuse', (request, reply) =>
      answerWithEvents(request, reply, async () => {
        for await (const _chunk of request.raw.iterator({ destroyOnReturn: false })) throw unavailable()
        return {}
      }),
    )
  })
  let produced = 0
  async function* endless() {
    for (;;) {
      produced += MIB
      yield Buffer.alloc(MIB)
    }
  }
  for (let run = 0; run < 5; run++) {
    const body = { type: 'application/octet-stream', bytes: endless() }
    await t.rejects(client.operate({ method: 'POST', path: 'refuse', body }), {
      code: 'CONTENT_UNAVAILABLE',
    })
  }
  t.ok(produced < 1024 * MIB, 'and the rest is not sent')
})

t.test('an upload whose source fails is told by that failure', async t => {
  const ended = Promise.withResolvers<unknown>()
  const { client } = await start(t, app => {
    app.post('/upload', (request, reply) =>
      answerWithEvents(request, reply, async ({ item }) => {
        await item('begun' as never)
        try {
          for await (const _chunk of request.raw.iterator({ destroyOnReturn: false }));
          ended.resolve('whole')
        } catch (error) {
          ended.resolve(error)
        }
        return {}
      }),
    )
  })
  async function* failing() {
    yield Buffer.alloc(MIB)
    throw new Error('the file changed')
  }
  const body = { type: 'application/octet-stream', bytes: failing() }
  await t.rejects(client.operate({ method: 'POST', path: 'upload', body }), { message: 'the file changed' })
  t.match(await ended.promise, { code: 'ECONNRESET' }, 'and the node never takes it for whole')
})

t.test('closing cancels what runs, and answers it', async t => {
  const started = Promise.withResolvers<void>()
  const { client, control, socketPath } = await start(t, app => {
    app.get('/wait', (request, reply) =>
      answerWithEvents(request, reply, async ({ item }) => {
        await item(1 as never)
        started.resolve()
        await once(request.cancelled, 'abort')
        throw request.cancelled.reason
      }),
    )
  })
  // A client that keeps its connection for later must not hold up the node.
  const idle = connect(socketPath).resume()
  await once(idle, 'connect')
  const waiting = client.operate({ method: 'GET', path: 'wait' })
  await started.promise
  const [closed] = await Promise.all([
    control.close(),
    t.rejects(waiting, { code: 'NODE_STOPPING' }),
    once(idle, 'close'),
  ])
  t.equal(closed, undefined)
  await t.rejects(client.get('status'), { code: 'NODE_NOT_RUNNING', message: new RegExp(socketPath) })
})

t.test('a node that stops is waited for until its process ends', async t => {
  const stopping = Promise.withResolvers<void>()
  const { client, control, socketPath } = await start(t, app => {
    app.post('/stop', async (request, reply) => {
      reply.hijack()
      request.lingers()
      reply.raw.writeHead(202)
      reply.raw.flushHeaders()
      stopping.resolve()
    })
  })
  const request = httpRequest({ socketPath, path: '/v1/stop', method: 'POST', agent: false }).end()
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  await stopping.promise
  await control.close()
  t.notOk(answer.complete, 'closing the server leaves that answer open')
  request.destroy()
  await t.rejects(client.stop(), { code: 'NODE_NOT_RUNNING' })
})

t.test('a server that is no node', async t => {
  const socketPath = join(await temporaryDirectory(t), 'other.sock')
  const server = createServer(socket => socket.end('hello\n')).listen(socketPath)
  await once(server, 'listening')
  t.teardown(() => server.close())
  await t.rejects(createClient(socketPath).get('status'), { code: 'NODE_GONE' })
})

t.test('an upload may take as long as it takes', async t => {
  const seen: Server[] = []
  const look = (message: unknown): void => void seen.push((message as { server: Server }).server)
  subscribe('http.server.request.start', look)
  t.teardown(() => unsubscribe('http.server.request.start', look))
  const { client } = await start(t, app => app.get('/here', async () => ({})))
  await client.get('here')
  const [server] = seen
  t.equal(server?.requestTimeout, 0, "node's own default would end it after five minutes")
  t.ok(Number(server?.headersTimeout) > 0, 'but its headers may not')
})

t.test('an answer that no skep gives still becomes an error with code and fix', async t => {
  const socketPath = join(await temporaryDirectory(t), 'skep.sock')
  const answers = [
    'HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n',
    'HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n{"error":"Bad Request","message":"Client Error"}',
    'HTTP/1.1 500 Oops\r\nconnection: close\r\n\r\n<html>',
    'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n<html>\n',
  ]
  let answer = ''
  const foreign = createServer(socket => void socket.once('data', () => socket.end(answer)))
  foreign.listen(socketPath)
  await once(foreign, 'listening')
  t.teardown(() => foreign.close())
  const client = createClient(socketPath)
  for (const text of answers) {
    answer = text
    const expected = { code: 'ANSWER_INVALID', message: /^the node answered with .+/, fix: /--socket/ }
    await t.rejects(client.get('status'), expected, text)
    await t.rejects(client.operate({ method: 'POST', path: 'content', body: {} }), expected, text)
  }
})

t.test("a user's mistake is no error of the node, and is logged without where it was noticed", async t => {
  const lines: Record<string, unknown>[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => lines.push(JSON.parse(line)) })
  const socketPath = join(await temporaryDirectory(t), 'skep.sock')
  const control = createControl({ socketPath }, { log })
  control.routes(app => {
    app.get('/mistake', async () => {
      throw new SkepError('NOT_HELD', 'bafy is not here', 'Fetch it.')
    })
  })
  await control.listen()
  t.teardown(() => control.close())
  await t.rejects(createClient(socketPath).get('mistake'), { code: 'NOT_HELD' })
  t.match(lines, [{ level: pino.levels.values.debug, reason: 'bafy is not here', err: undefined }])
  t.equal(lines.length, 1)
})

t.test('a client that leaves in the middle of its upload is nothing to be alarmed about', async t => {
  const lines: { level: number; route?: string }[] = []
  const failed = Promise.withResolvers<void>()
  const write = (line: string): void => {
    lines.push(JSON.parse(line))
    if (line.includes('request failed')) failed.resolve()
  }
  const socketPath = join(await temporaryDirectory(t), 'skep.sock')
  const control = createControl({ socketPath }, { log: pino({ level: 'debug' }, { write }) })
  const begun = Promise.withResolvers<void>()
  control.routes(app => {
    app.addContentTypeParser('application/x-test', (_request, payload, done) => done(null, payload))
    app.post('/upload', (request, reply) =>
      answerWithEvents(request, reply, async () => {
        for await (const _chunk of request.raw) begun.resolve()
        return {}
      }),
    )
  })
  await control.listen()
  t.teardown(() => control.close())
  const headers = { 'content-type': 'application/x-test' }
  const upload = httpRequest({ socketPath, path: '/v1/upload', method: 'POST', headers })
  upload.on('error', () => {})
  upload.write('the beginning')
  await begun.promise
  upload.destroy()
  await failed.promise
  t.match(lines, [{ level: pino.levels.values.debug, route: '/v1/upload' }])
})

/** Refuses an upload at its first bytes, before or after its answer has begun. */
function refuseUploads(app: FastifyInstance): void {
  for (const begun of [false, true]) {
    app.post(`/${begun ? 'begun' : 'not-begun'}`, (request, reply) =>
      answerWithEvents(request, reply, async ({ progress }) => {
        for await (const _ of request.raw.iterator({ destroyOnReturn: false })) {
          if (begun) progress({ bytes: 1, blocks: 1 })
          throw unavailable()
        }
      }),
    )
  }
}

function headOf(path: string, bytes: number): string {
  const headers = ['host: node', 'connection: close', `content-length: ${bytes}`]
  const type = 'content-type: application/octet-stream'
  return [`POST /v1/${path} HTTP/1.1`, ...headers, type, '', ''].join('\r\n')
}

t.test('a client that sends all before it reads is told why it was refused', async t => {
  const { socketPath } = await start(t, refuseUploads)
  for (const path of ['begun', 'not-begun']) {
    const socket = connect(socketPath)
    socket.write(headOf(path, 16 * MIB))
    for (let sent = 0; sent < 16; sent++) {
      if (!socket.write(Buffer.alloc(MIB))) await once(socket, 'drain')
    }
    const answer = Buffer.concat(await socket.toArray()).toString()
    t.match(answer, path === 'begun' ? /^HTTP\/1.1 200 / : /^HTTP\/1.1 504 /)
    t.match(answer, /CONTENT_UNAVAILABLE/, path)
  }
})

t.test('a client that is refused and neither sends nor leaves is hung up on when the node stops', async t => {
  const { control, socketPath } = await start(t, refuseUploads)
  const socket = connect(socketPath)
  const closed = once(socket, 'close')
  socket.write(`${headOf('not-begun', 2)}1`)
  const [answer] = await once(socket, 'data')
  t.match(String(answer), /CONTENT_UNAVAILABLE/)
  await control.close()
  await closed
})

t.test(
  'connections by the socket are bounded: who says nothing makes room, who asks is not interrupted',
  async t => {
    const gates: PromiseWithResolvers<void>[] = []
    const { socketPath, client } = await start(t, app => {
      app.get('/wait', async () => {
        const gate = Promise.withResolvers<void>()
        gates.push(gate)
        await gate.promise
        return { waited: true }
      })
      app.get('/quick', async () => ({ quick: true }))
    })
    const open = async () => {
      const socket = connect(socketPath)
      t.teardown(() => socket.destroy())
      socket.on('error', () => {})
      await once(socket, 'connect')
      return socket
    }
    const first = await open()
    const closed = once(first, 'close')
    for (let at = 0; at < MAX_SOCKET_CONNECTIONS; at++) await open()
    t.same(await client.get('quick'), { quick: true }, 'the quiet ones leave no room')
    await closed

    const waiting = Array.from({ length: MAX_SOCKET_CONNECTIONS }, () => client.get('wait'))
    await eventually('all to be asked', () => gates.length === MAX_SOCKET_CONNECTIONS || undefined)
    await t.rejects(client.get('quick'), { code: 'CONNECTIONS_FULL', message: /256 requests/ })
    for (const { resolve } of gates) resolve()
    t.same(new Set((await Promise.all(waiting)).map(answer => JSON.stringify(answer))).size, 1)
    t.same(await client.get('quick'), { quick: true })
  },
)

t.test('a connection by the socket asks one thing at a time', async t => {
  let begun = 0
  const { socketPath } = await start(t, app => {
    app.get('/count', async () => ({ begun: ++begun }))
  })
  const ask = 'GET /v1/count HTTP/1.1\r\nHost: x\r\n\r\n'
  const patient = connect(socketPath)
  t.teardown(() => patient.destroy())
  for (const expected of [1, 2, 3]) {
    patient.write(ask)
    const [answer] = await once(patient, 'data')
    t.match(String(answer), `{"begun":${expected}}`)
  }
  const hasty = connect(socketPath)
  hasty.on('error', () => {})
  hasty.write(ask.repeat(300))
  await once(hasty.resume(), 'close')
  t.equal(begun, 4, 'the second one is hung up on')
})
