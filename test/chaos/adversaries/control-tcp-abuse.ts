import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { createConnection } from 'node:net'
import type { NodeStatus } from '../../../core/state/node-state.ts'
import { eventually } from '../../helpers/eventually.ts'
import type { Arena } from './arena.ts'
import type { Attack } from './attack.ts'
import { hungUp } from './hung-up.ts'

const GUESSES = 300
const HOSTS = 8
const CONNECTIONS_PER_HOST = 30
const PIPELINED = 200
/** What of it is refused for a limit of its own. */
const REASONS = [
  'token_unknown',
  'too_many_tries',
  'host',
  'origin',
  'slow_request',
  'slow_body',
  'pipelining',
  'connections_of_host',
  'connections',
]

export const attack: Attack = {
  name: 'control by TCP abuse',
  what: `Guesses ${GUESSES} tokens, asks by other names and from other pages, sends headers and bodies that never end, ${PIPELINED} requests at once, and opens ${HOSTS * CONNECTIONS_PER_HOST} connections from ${HOSTS} hosts`,
  limit:
    'Tokens of 256 bits; 20 wrong ones of a host at once, then one in 2 s; 10 s for headers, 30 s for a kilobyte of a body; one request of a connection at a time; 16 connections a host and 64 in all, of which quiet ones make room',
  result:
    'Refused with a status of 4xx, or hung up on; a right token is good meanwhile, and by the socket all goes on',
  verdict: { refused: 'skep_control_refused_total{reason="too_many_tries"}' },
  async run(arena) {
    const { victim, signal } = arena
    const url = await urlOf(arena)
    const before = await victim.metrics()
    const { token } = await victim.client.operate<{ token: string }>({
      method: 'POST',
      path: 'tokens',
      body: { name: 'honest', scopes: ['read'] },
      signal,
    })
    const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` })
    const isGood = async (): Promise<void> => expect('a right token', await ask(url, bearer(token)), 200)

    const agent = new Agent({ keepAlive: true, maxSockets: 4 })
    arena.teardown(() => agent.destroy())
    const guess = () => ask(url, bearer(`skep-token-${randomBytes(32).toString('base64url')}`), agent)
    const answers = await Promise.all(Array.from({ length: GUESSES }, guess))
    if (answers.some(status => status !== 401 && status !== 429))
      throw new Error(`guesses were answered with ${[...new Set(answers)].join(', ')}`)
    await isGood()
    agent.destroy()

    expect('another name', await ask(url, { ...bearer(token), host: 'evil.example' }), 403)
    expect('another page', await ask(url, { ...bearer(token), origin: 'http://evil.example' }), 403)

    const get = `GET /v1/status HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\n\r\n`
    const endless = [
      'GET /v1/sta',
      `POST /v1/pins HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{`,
      get.repeat(PIPELINED),
    ]
    await Promise.all(
      endless.map(async text => {
        const socket = await connect(arena, url)
        socket.write(text)
        await hungUp(socket, signal)
      }),
    )
    await isGood()

    for (let host = 0; host < HOSTS; host++) {
      const from = arena.loopback()
      await Promise.all(Array.from({ length: CONNECTIONS_PER_HOST }, () => connect(arena, url, from)))
    }
    await eventually('a refusal of each kind', async () => {
      const now = await victim.metrics()
      const grown = (name: string): boolean => (now.get(name) ?? 0) > (before.get(name) ?? 0)
      return REASONS.map(reason => `skep_control_refused_total{reason="${reason}"}`).every(grown) || undefined
    })
    const { phase } = await victim.status()
    if (phase !== 'ready') throw new Error(`the node is ${phase}`)
  },
}

async function urlOf({ victim }: Arena): Promise<URL> {
  const { details } = await victim.status()
  const { url } = (details as NodeStatus['details'] & { control?: { url?: string } }).control ?? {}
  if (!url) throw new Error('control by TCP is off')
  return new URL(url)
}

function expect(what: string, status: number | undefined, expected: number): void {
  if (status !== expected) throw new Error(`${what}: answered ${status}, expected ${expected}`)
}

/** The status of the answer. */
function ask(url: URL, headers: Record<string, string>, agent?: Agent): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(new URL('/v1/status', url), { headers, agent: agent ?? false })
    asked.on('error', reject)
    asked.on('response', answer => {
      answer.resume().on('end', () => resolve(answer.statusCode))
    })
    asked.end()
  })
}

async function connect({ teardown, loopback }: Arena, { hostname, port }: URL, from = loopback()) {
  const socket = createConnection({ host: hostname, port: Number(port), localAddress: from })
  teardown(() => socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}
