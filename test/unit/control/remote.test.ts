import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { createClient } from '../../../core/cli/client.ts'
import { answerWithBytes, answerWithEvents } from '../../../core/control/answers.ts'
import { CONTROL, NOTHING } from '../../../core/control/remote-protocol.ts'
import { remoteRoutes } from '../../../core/control/remote-route.ts'
import { createControl } from '../../../core/control/server.ts'
import { TUNNEL } from '../../../core/control/upgrade.ts'
import { silentLogger } from '../../../core/logger.ts'
import { eventually } from '../../helpers/eventually.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'
import { type Board, startBoard, startFleet } from './boards.ts'

const MIB = 1024 * 1024
const CONTENT = randomBytes(3 * MIB)
const READ = { config: { scope: 'read' } } as const

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Of the shapes that the node's own have. */
function routes(app: FastifyInstance): void {
  app.get('/hello', READ, async request => ({ operator: request.operator }))
  app.get('/secret', async () => ({ secret: 'key' }))
  app.post('/hash', { config: { scope: 'add' } }, (request, reply) =>
    answerWithEvents(request, reply, async () => {
      const hash = createHash('sha256')
      for await (const chunk of request.raw.iterator({ destroyOnReturn: false })) hash.update(chunk)
      return { hash: hash.digest('hex') }
    }),
  )
  app.get('/content', READ, (request, reply) => answerWithBytes(request, reply, pieces(), () => ({})))
  app.get('/forever', READ, (request, reply) =>
    answerWithEvents<never, string>(request, reply, async ({ item }) => {
      await item('begun')
      await once(request.cancelled, 'abort')
      throw request.cancelled.reason
    }),
  )
}

async function* pieces(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < CONTENT.length; at += 100_000) yield CONTENT.subarray(at, at + 100_000)
}

/** The owner's board, an operator's, and one of neither. */
async function startThree(t: Test): Promise<readonly [Board, Board, Board]> {
  const all = await startFleet(
    await startBoard(t, { routes }),
    await startBoard(t, { routes }),
    await startBoard(t, { routes }),
  )
  const [owner, operator, member] = all
  await owner.node.fleet.delegate('board-1')
  for (const { node } of [operator, member])
    await eventually('the operator on the roster', () =>
      node.fleet.member('board-1').role === 'operator' ? true : undefined,
    )
  return all
}

t.test('another board is run as this one: answers, bodies both ways, errors, and who asked', async t => {
  const [owner, operator, member] = await startThree(t)
  const { id } = operator.node
  t.same(await operator.client().get('hello'), {}, 'by the socket nobody is an operator from afar')
  for (const name of ['board-2', member.node.id, member.node.id.slice(-8)])
    t.same(await operator.client(name).get('hello'), { operator: id }, name)
  t.same(await owner.client('board-1').get('hello'), { operator: owner.node.id })
  t.same(await operator.client('board-1').get('hello'), { operator: id }, 'itself as well')

  const client = operator.client('board-2')
  const upload = { type: 'application/octet-stream', bytes: pieces() }
  t.same(await client.operate({ method: 'POST', path: 'hash', body: upload }), { hash: hashOf(CONTENT) })
  const hash = createHash('sha256')
  for await (const chunk of client.download('content')) hash.update(chunk)
  t.equal(hash.digest('hex'), hashOf(CONTENT))
  await t.rejects(client.get('nowhere'), { code: 'ROUTE_NOT_FOUND' })
  await t.rejects(client.get('secret'), { code: 'LOCAL_ONLY', message: /GET \/v1\/secret/ })
  await t.rejects(client.get('fleet/control', { query: { member: 'board-0' } }), { code: 'LOCAL_ONLY' })

  const told = member.log.filter(({ msg }) => /from afar$/.test(String(msg)))
  t.match(told.slice(0, 1), [{ level: 30, peer: id, method: 'GET', path: '/v1/hello' }])
  t.match(
    told.filter(({ path }) => path === '/v1/secret'),
    [{ level: 30, peer: id, msg: 'refused to an operator from afar' }],
  )
  t.same(member.node.peers.get(operator.node.port.self)?.evidence, {}, 'and nobody is charged')
  await eventually('the end of all tunnels', () => (tunnelsAt(member) === 0 ? true : undefined))
})

const tunnelsAt = ({ node }: Board): number | undefined =>
  node.network.protocols().find(({ id }) => id === CONTROL.id)?.openStreams

t.test('who may run which board', async t => {
  const [owner, , member] = await startThree(t)
  await t.rejects(member.client('board-0').get('hello'), { code: 'NOT_OPERATOR' })
  await t.rejects(owner.client('board-9').get('hello'), { code: 'MEMBER_UNKNOWN' })
  const alone = await startBoard(t)
  await t.rejects(alone.client('board-0').get('hello'), { code: 'NO_FLEET' })

  const channel = await member.node.port.open(owner.node.port.self, CONTROL)
  await t.rejects(channel.read(), { code: 'STREAM_CLOSED' }, 'a member that asks all the same')
  await alone.node.connect(owner.node)
  const strangers = await alone.node.port.open(owner.node.port.self, CONTROL)
  await t.rejects(strangers.read(), { code: 'STREAM_CLOSED' }, 'a stranger')
})

t.test('a board that takes itself for an operator, one that is too old, one that is gone', async t => {
  const [owner, pretender, old] = await startFleet(
    await startBoard(t, { routes }),
    await startBoard(t, { isOperator: () => true }),
    await startBoard(t, { canBeRun: false }),
  )
  await t.rejects(pretender.client('board-0').get('hello'), {
    code: 'BOARD_REFUSES',
    message: /board-0 .* may be no operator/,
  })
  await t.rejects(owner.client('board-2').get('hello'), { code: 'BOARD_TOO_OLD', message: /board-2/ })
  await old.node.stop()
  await owner.node.hasOnly(pretender.node)
  await t.rejects(owner.client('board-2').get('hello'), { code: 'DIAL_FAILED' })
})

t.test('an operator that is one no more is cut off at once', async t => {
  const [owner, operator, member] = await startThree(t)
  const client = operator.client('board-2')
  const begun = Promise.withResolvers<string>()
  const ended = client.operate<never, string>({ method: 'GET', path: 'forever', onItem: begun.resolve })
  t.equal(await Promise.race([begun.promise, ended]), 'begun')
  await owner.node.fleet.revoke('board-1')
  await t.rejects(ended, { code: 'BOARD_GONE', message: /board-2/ })
  t.match(
    member.log.filter(({ msg }) => /^a tunnel is cut/.test(String(msg))),
    [{ peer: operator.node.id }],
  )
  await eventually('the revoked one to hear of it', () =>
    operator.node.fleet.member('board-1').role === 'member' ? true : undefined,
  )
  await t.rejects(client.get('hello'), { code: 'NOT_OPERATOR' })
})

t.test('an operator gets no use of the owner key from afar', async t => {
  const [owner, operator] = await startThree(t)
  const by = { operator: operator.node.id }
  const { fleet } = owner.node
  await t.rejects(fleet.delegate('board-2', by), { code: 'NOT_OWNER' })
  await t.rejects(fleet.revoke('board-1', by), { code: 'NOT_OWNER' })
  await t.rejects(fleet.remove('board-1', by), { code: 'NOT_OWNER' })
  t.match(await fleet.delegate('board-2', { operator: owner.node.id }), { role: 'operator' })
  t.match(await fleet.revoke('board-2'), { role: 'member' })
  t.match(await fleet.remove('board-2', by), { name: 'board-2' }, 'what operators may do they may do there')
})

t.test('tunnels are bounded, and given back', async t => {
  const [owner, , member] = await startThree(t)
  const most = CONTROL.maxStreamsPerPeer
  const tunnels = await Promise.all(Array.from({ length: most }, () => owner.boards.open('board-2')))
  await t.rejects(owner.boards.open('board-2'), { code: 'TUNNELS_FULL' })
  await t.rejects(owner.client('board-2').get('hello'), { code: 'TUNNELS_FULL' })
  t.equal(tunnelsAt(member), most)
  t.same(member.node.peers.get(owner.node.port.self)?.evidence, {}, 'the other one was not asked')
  tunnels[0]?.destroy()
  await eventually('one to end', () => (tunnelsAt(member) === most - 1 ? true : undefined))
  t.ok(await owner.client('board-2').get('hello'))
  for (const tunnel of tunnels) tunnel.destroy()
  await eventually('all to end', () => (tunnelsAt(member) === 0 ? true : undefined))
})

t.test('whoever does not read makes the other board wait; whoever leaves ends the request there', async t => {
  let sentBytes = 0
  let isCancelled = false
  const flood = (app: FastifyInstance): void => {
    app.get('/flood', READ, (request, reply) => {
      request.cancelled.addEventListener('abort', () => {
        isCancelled = true
      })
      async function* endless(): AsyncGenerator<Uint8Array> {
        for (;;) {
          sentBytes += MIB
          yield CONTENT.subarray(0, MIB)
        }
      }
      return answerWithBytes(request, reply, endless(), () => ({}))
    })
  }
  const [owner] = await startFleet(await startBoard(t), await startBoard(t, { routes: flood }))
  const tunnel = await owner.boards.open('board-1')
  tunnel.write('GET /v1/flood HTTP/1.1\r\nhost: board\r\n\r\n')
  const [head] = await once(tunnel, 'readable').then(() => [tunnel.read()])
  t.match(String(head), /^HTTP\/1.1 200/)
  let before = -1
  await eventually('the sender to wait', () => {
    const isStill = before === sentBytes
    before = sentBytes
    return isStill ? true : undefined
  })
  t.ok(sentBytes < 16 * MIB, `${sentBytes / MIB} MiB are under way at most`)
  tunnel.destroy()
  await eventually('the request to be given up', () => (isCancelled ? true : undefined))
})

t.test('a board that reads an upload slowly makes the command wait', async t => {
  const uploadBytes = 64 * MIB
  const reading = Promise.withResolvers<void>()
  const slow = (app: FastifyInstance): void => {
    app.post('/count', { config: { scope: 'add' } }, (request, reply) =>
      answerWithEvents(request, reply, async () => {
        await reading.promise
        let bytes = 0
        for await (const chunk of request.raw.iterator({ destroyOnReturn: false })) bytes += chunk.length
        return { bytes }
      }),
    )
  }
  const [owner] = await startFleet(await startBoard(t), await startBoard(t, { routes: slow }))
  let producedBytes = 0
  async function* produce(): AsyncGenerator<Uint8Array> {
    for (; producedBytes < uploadBytes; producedBytes += MIB) yield CONTENT.subarray(0, MIB)
  }
  const body = { type: 'application/octet-stream', bytes: produce() }
  const counted = owner.client('board-1').operate({ method: 'POST', path: 'count', body })
  let before = 0
  await eventually('the command to wait', () => {
    const isStill = before === producedBytes && producedBytes > 0
    before = producedBytes
    return isStill ? true : undefined
  })
  t.ok(producedBytes < 16 * MIB, `${producedBytes / MIB} MiB are under way at most`)
  reading.resolve()
  t.same(await counted, { bytes: uploadBytes })
})

t.test('a board that sends messages of nothing keeps this one from nothing', async t => {
  const [owner, flooder] = await startFleet(await startBoard(t), await startBoard(t, { canBeRun: false }))
  // Each of these bytes is the length of an empty message.
  const messages = new Uint8Array(16 * 1024)
  await flooder.node.port.handle(CONTROL, channel => channel.write(NOTHING, messages))
  const tunnel = await owner.boards.open('board-1')
  const ended = once(tunnel.resume(), 'end')
  let turns = 0
  let isOver = false
  const turn = (): void => {
    turns++
    if (!isOver) setImmediate(turn)
  }
  turn()
  await ended
  isOver = true
  tunnel.destroy()
  t.ok(turns > messages.length / 256, `the event loop has turned ${turns} times meanwhile`)
})

t.test('a board that stops says so', async t => {
  const [owner, operator, member] = await startThree(t)
  const follow = async (name: string): Promise<{ readonly ended: Promise<never> }> => {
    const begun = Promise.withResolvers<string>()
    const call = { method: 'GET', path: 'forever', onItem: begun.resolve } as const
    const ended = owner.client(name).operate<never, string>(call)
    t.equal(await Promise.race([begun.promise, ended]), 'begun')
    return { ended }
  }
  const theirs = await follow('board-2')
  const closed = member.control.close()
  await t.rejects(theirs.ended, { code: 'NODE_STOPPING' })
  await closed

  const ours = await follow('board-1')
  await owner.control.close()
  await t.rejects(ours.ended, { code: 'BOARD_GONE' }, 'also where the one in between stops')
  await eventually('the end of its tunnel', () => (tunnelsAt(operator) === 0 ? true : undefined))
})

t.test('what a board said before it left is there to be read', async t => {
  const leaving = Promise.withResolvers<Promise<void>>()
  const stop = (app: FastifyInstance): void => {
    app.post('/stop', { config: { scope: 'node' } }, async (request, reply) => {
      reply.hijack()
      request.lingers()
      reply.raw.writeHead(202)
      reply.raw.flushHeaders()
      leaving.resolve(board.leave())
    })
  }
  const board = await startBoard(t, { routes: stop })
  const [owner] = await startFleet(await startBoard(t), board)
  const tunnel = await owner.boards.open('board-1')
  tunnel.write('POST /v1/stop HTTP/1.1\r\nhost: board\r\ncontent-length: 0\r\n\r\n')
  // Nobody reads here until it has left.
  await await leaving.promise
  await owner.node.hasOnly()
  const heard = Buffer.concat(await tunnel.toArray()).toString()
  t.match(heard, /^HTTP\/1.1 202 /)
})

t.test('a client that leaves while a board is sought', async t => {
  const asked = Promise.withResolvers<AbortSignal>()
  const { socketPath } = await startControl(t, {
    open: (_who, { signal = AbortSignal.abort() } = {}) => {
      asked.resolve(signal)
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      )
    },
  })
  const leave = new AbortController()
  const call = createClient(socketPath, 'kitchen').get('hello', { signal: leave.signal })
  const signal = await asked.promise
  leave.abort(new Error('enough'))
  await t.rejects(call, { message: 'enough' })
  if (!signal.aborted) await once(signal, 'abort')
  t.match(signal.reason, { code: 'CLIENT_GONE' })
})

t.test('requests that are no tunnel', async t => {
  const { socketPath } = await startControl(t, { open: () => Promise.reject(new Error('not asked')) })
  const ask = async (
    path: string,
    headers: Record<string, string>,
  ): Promise<[number | undefined, string]> => {
    const request = httpRequest({ socketPath, path, headers, agent: false }).end()
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    return [answer.statusCode, Buffer.concat(await answer.toArray()).toString()]
  }
  const upgrade = (upgrade: string) => ({ connection: 'upgrade', upgrade })
  t.match(await ask('/v1/fleet/control?member=kitchen', {}), [400, /upgrade: skep-control/])
  t.match(await ask('/v1/fleet/control?member=kitchen', upgrade('websocket')), [400, /INPUT_INVALID/])
  t.match(await ask('/v1/fleet/control', upgrade(TUNNEL)), [400, /member/])
  t.match(await ask('/v1/nowhere', upgrade(TUNNEL)), [404, /ROUTE_NOT_FOUND/])
  t.match(await ask('/v1/fleet/control?member=kitchen', upgrade(TUNNEL)), [500, /not asked/])

  const socket = connect(socketPath)
  socket.write(`GET /v1/nowhere HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: ${TUNNEL}\r\n\r\n`)
  socket.resume()
  await once(socket, 'end')
  t.pass('and the connection ends with its answer')
})

async function startControl(t: Test, boards: Parameters<typeof remoteRoutes>[0]) {
  const socketPath = join(await temporaryDirectory(t), 'skep.sock')
  const control = createControl({ socketPath }, { log: silentLogger })
  control.routes(remoteRoutes(boards))
  await control.listen()
  t.teardown(() => control.close())
  return { socketPath }
}
