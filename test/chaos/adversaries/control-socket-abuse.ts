import { eventually } from '../../helpers/eventually.ts'
import { answered } from './answered.ts'
import type { Arena } from './arena.ts'
import type { Attack } from './attack.ts'
import { hungUp } from './hung-up.ts'

const CONNECTIONS = 500
/** `socket-guests.ts` */
const MAX_CONNECTIONS = 256
const PIPELINED = 300
const JSON_LIMIT_BYTES = 64 * 1024

export const attack: Attack = {
  name: 'control socket abuse',
  what: `A program that may open the socket sends half of requests, bad and huge JSON, ${PIPELINED} requests at once without waiting for an answer, and ${CONNECTIONS} connections that say nothing`,
  limit:
    '64 KiB of JSON, 16 KiB of headers, 60 s to their end; one request of a connection at a time; 256 connections, of which quiet ones make room',
  result: 'Refused with a status of 4xx, or hung up on; others are answered meanwhile',
  verdict: { harmless: true },
  async run(arena) {
    const { victim, control } = arena
    for (const [what, request, status] of [
      ['bad JSON', post('{"path":'), 400],
      ['deep JSON', post('['.repeat(30_000)), 400],
      ['huge JSON', post(`{"path":"${'x'.repeat(JSON_LIMIT_BYTES)}"}`), 413],
      ['a prototype in JSON', post('{"__proto__":{"path":"x"}}'), 400],
      ['an unknown type', post('x', 'text/plain'), 415],
      [
        // As much as the system takes at once: what is hung up on while it is written reads no answer.
        'headers of 100 KiB',
        `GET /v1/status HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(100 * 1024)}\r\n\r\n`,
        431,
      ],
      ['no HTTP', `${'\0'.repeat(1000)}\r\n\r\n`, 400],
    ] as const) {
      const answer = await asked(arena, request)
      if (!answer.startsWith(`HTTP/1.1 ${status}`))
        throw new Error(`${what}: answered ${answer.slice(0, 200)}`)
    }
    for (const half of [
      'GET /v1/sta',
      post('{"path":"').slice(0, -3),
      'POST /v1/content HTTP/1.1\r\nhost: x\r\n',
    ])
      (await control()).write(half)
    const hasty = await control()
    hasty.write('GET /v1/status HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(PIPELINED))
    let answers = ''
    hasty.on('data', chunk => {
      answers += chunk
    })
    await hungUp(hasty, arena.signal)
    const count = answers.split('HTTP/1.1 200').length - 1
    if (count > 1) throw new Error(`${count} requests of one connection were answered`)
    let closed = 0
    for (let at = 0; at < CONNECTIONS; at++)
      (await control()).resume().once('close', () => {
        closed++
      })
    await eventually('quiet ones to make room', () => closed >= CONNECTIONS - MAX_CONNECTIONS || undefined)
    const { phase } = await victim.status()
    if (phase !== 'ready') throw new Error(`the node is ${phase}`)
  },
}

function post(body: string, type = 'application/json'): string {
  const length = Buffer.byteLength(body)
  return `POST /v1/pins HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: ${length}\r\n\r\n${body}`
}

/** The first that is answered to `request`. */
async function asked({ control, signal }: Arena, request: string): Promise<string> {
  const socket = await control()
  const answer = await answered(socket, request, signal)
  socket.destroy()
  return answer
}
