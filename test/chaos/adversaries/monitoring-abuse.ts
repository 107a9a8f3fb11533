import { eventually } from '../../helpers/eventually.ts'
import { answered } from './answered.ts'
import type { Arena } from './arena.ts'
import type { Attack } from './attack.ts'
import { hungUp } from './hung-up.ts'

const CONNECTIONS = 200
/** `plugins.monitoring.maxConnections` */
const MAX_CONNECTIONS = 32
const LISTENERS = 12
const DEAF = 20
const PIPELINED = 200

export const attack: Attack = {
  name: 'monitoring abuse',
  what: `Asks by other names and from other pages, with huge headers and bodies, follows events ${LISTENERS} times, asks ${PIPELINED} times without reading, and opens ${CONNECTIONS} connections`,
  limit:
    '32 connections, 8 listeners, 8 KiB of headers, 5 s for a request, and as long as a probe may take besides for a reader that takes nothing; loopback names alone',
  result: 'Refused with a status of 4xx or 503, or hung up on; whoever comes after it is answered again',
  verdict: { harmless: true },
  async run(arena) {
    for (const [what, request, status] of [
      ['another name', get('/status', 'host: evil.example'), 403],
      ['another page', get('/events', 'host: 127.0.0.1', 'origin: http://evil.example'), 403],
      ['huge headers', get('/status', 'host: 127.0.0.1', `x: ${'x'.repeat(16_384)}`), 431],
      [
        'a body',
        `POST /status HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9999999\r\n\r\n${'x'.repeat(4096)}`,
        4,
      ],
      ['a way up', get('/../../etc/passwd', 'host: 127.0.0.1'), 404],
      ['no HTTP', `${'\0'.repeat(1000)}\r\n\r\n`, 400],
    ] as const) {
      const answer = await asked(arena, request)
      if (!answer.startsWith(`HTTP/1.1 ${status}`))
        throw new Error(`${what}: answered ${answer.slice(0, 200)}`)
    }
    const listeners = await Promise.all(
      Array.from({ length: LISTENERS }, () =>
        asked(arena, get('/events', 'host: 127.0.0.1'), { keep: true }),
      ),
    )
    if (!listeners.some(answer => answer.startsWith('HTTP/1.1 503')))
      throw new Error('all listeners were let in')

    const hasty = await arena.http()
    hasty.write(get('/livez', 'host: 127.0.0.1').repeat(PIPELINED))
    let answers = ''
    hasty.on('data', chunk => {
      answers += chunk
    })
    await hungUp(hasty, arena.signal)
    const count = answers.split('HTTP/1.1 200').length - 1
    if (count > 1) throw new Error(`${count} requests of one connection were answered`)
    for (let at = 0; at < DEAF; at++) {
      const deaf = await arena.http()
      deaf.pause().write(get('/status', 'host: 127.0.0.1').repeat(PIPELINED))
    }
    let refused = 0
    for (let at = 0; at < CONNECTIONS; at++) {
      const idle = await arena.http()
      // Who is let in, and says nothing, is told so in the end.
      idle.resume().once('close', () => {
        if (idle.bytesRead === 0) refused++
      })
    }
    await eventually(
      'the others to be hung up on',
      () => refused >= CONNECTIONS - MAX_CONNECTIONS || undefined,
    )
    await eventually('an answer to whoever comes then', () =>
      asked(arena, get('/livez', 'host: 127.0.0.1')).then(
        answer => answer.startsWith('HTTP/1.1 200') || undefined,
        () => undefined,
      ),
    )
    const failure = arena.victim.process.log.find(line => line.includes('monitoring request failed'))
    if (failure) throw new Error(`what others do wrong fills the log: ${failure}`)
  },
}

function get(path: string, ...headers: readonly string[]): string {
  return `GET ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`
}

/** The first that is answered to `request`; throws where the connection ends without. */
async function asked({ http, signal }: Arena, request: string, { keep = false } = {}): Promise<string> {
  const socket = await http()
  const answer = await answered(socket, request, signal)
  if (!keep) socket.destroy()
  return answer
}
