import { once } from 'node:events'
import { type Agent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { assemble } from '../../../core/config/assemble.ts'
import type { SchemaTree } from '../../../core/config/schema.ts'
import { type ControlConfig, controlSchema } from '../../../core/control/config.ts'
import type { Scope } from '../../../core/control/scopes.ts'
import { createControl } from '../../../core/control/server.ts'
import { createTcpControl } from '../../../core/control/tcp/tcp-control.ts'
import { Tokens } from '../../../core/control/tokens/tokens.ts'
import { silentLogger } from '../../../core/logger.ts'
import { createMetrics } from '../../../core/metrics.ts'
import { MemoryStore } from '../../../core/storage/memory-store.ts'
import { temporaryDirectory } from '../../helpers/temporary-directory.ts'

export interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly token?: string
  /** Where the client is; any address of loopback. */
  readonly from?: string
  /** Keeps connections. Default: one for this request. */
  readonly agent?: Agent
}

export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Of its error. */
  readonly code: string | undefined
}

/** A control API that listens on a free port of 127.0.0.1, with routes of the test. Goes with the test. */
export async function startTcp(
  t: Test,
  config: Partial<ControlConfig> = {},
  add: (app: FastifyInstance) => void = () => {},
) {
  const socketPath = join(await temporaryDirectory(t), 'skep.sock')
  const metrics = createMetrics()
  const tokens = new Tokens({
    store: new MemoryStore('vault'),
    log: silentLogger,
    wallMs: Date.now,
    nowMs: () => performance.now(),
  })
  const control = createControl({ socketPath }, { log: silentLogger })
  const options = {
    ...(assemble(controlSchema as unknown as SchemaTree, new Map()) as ControlConfig),
    port: 0,
    ...config,
  }
  const listener = createTcpControl(options, { control, tokens, metrics, log: silentLogger })
  if (!listener) throw new Error('there is no port')
  t.teardown(async () => {
    listener.close()
    await control.close()
  })
  control.routes(app => {
    app.get('/read', { config: { scope: 'read' } }, async () => ({ read: true }))
    app.post('/pin', { config: { scope: 'pins' } }, async ({ body }) => ({ got: body ?? null }))
    app.get('/local', { config: { scope: 'local' } }, async () => ({ secret: true }))
    app.get('/undeclared', async () => ({ secret: true }))
    add(app)
  })
  await control.listen()
  await listener.listen()
  const { port } = new URL(listener.url ?? '')

  const tokenFor = async (...scopes: Scope[]): Promise<string> => (await tokens.create({ scopes })).token

  const ask = async (
    path: string,
    { method = 'GET', headers = {}, body, token, from, agent }: Asked = {},
  ): Promise<Answered> => {
    const request = httpRequest({
      host: '127.0.0.1',
      port,
      path,
      method,
      agent: agent ?? false,
      ...(from && { localAddress: from }),
      headers: { ...(token && { authorization: `Bearer ${token}` }), ...headers },
    })
    request.end(body)
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    const text = Buffer.concat(await answer.toArray()).toString()
    return { status: answer.statusCode ?? 0, headers: answer.headers, text, code: codeIn(text) }
  }

  /** A bare connection, and all that comes by it until it ends, however it does. */
  const open = (from = '127.0.0.1'): { socket: Socket; all: Promise<string> } => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), localAddress: from })
    let text = ''
    socket.on('data', data => {
      text += data
    })
    socket.on('error', () => {})
    return { socket, all: new Promise(resolve => socket.once('close', () => resolve(text))) }
  }

  /** How often something was refused, by reason. */
  const refused = async (): Promise<Record<string, number>> => {
    const lines = (await metrics.text()).matchAll(/^skep_control_refused_total\{reason="(\w+)"\} (\d+)$/gm)
    return Object.fromEntries(Array.from(lines, ([, reason, count]) => [reason, Number(count)]))
  }

  return { control, listener, tokens, metrics, tokenFor, ask, open, refused, port: Number(port), socketPath }
}

function codeIn(text: string): string | undefined {
  try {
    return JSON.parse(text).error?.code
  } catch {
    return undefined
  }
}
