import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { controlError, errorBody, statusOf } from './errors.ts'

/** A command has one, for as long as it runs. Peers need descriptors, too. */
export const MAX_SOCKET_CONNECTIONS = 256

/**
 * The connections of the control socket. Where there are too many, that one goes which has been without a request for longest;
 * where all have one, the newcomer is told so. A connection has one request at a time: hundreds fit into one read, and would all
 * be begun in one turn of the event loop.
 */
export class SocketGuests {
  readonly #max: number
  readonly #all = new Set<Socket>()
  /** Those without a request, the one that has been so for longest first. */
  readonly #quiet = new Set<Socket>()

  constructor(server: Server, { max = MAX_SOCKET_CONNECTIONS }: { readonly max?: number } = {}) {
    this.#max = max
    server.on('connection', socket => this.#admit(socket))
  }

  /** False where the request must not be answered: its connection has been closed. */
  begin({ socket }: IncomingMessage, answer?: ServerResponse): boolean {
    if (!this.#quiet.delete(socket)) {
      // One that was refused is on its way out; another one asks again before it has its answer.
      if (this.#all.has(socket)) socket.destroy()
      return false
    }
    answer?.once('close', () => {
      if (!socket.destroyed) this.#quiet.add(socket)
    })
    return true
  }

  #admit(socket: Socket): void {
    if (this.#all.size >= this.#max) {
      const [oldest] = this.#quiet
      if (!oldest) {
        refuse(socket, this.#max)
        return
      }
      this.#forget(oldest)
      oldest.destroy()
    }
    this.#all.add(socket)
    this.#quiet.add(socket)
    socket.once('close', () => this.#forget(socket))
  }

  #forget(socket: Socket): void {
    this.#all.delete(socket)
    this.#quiet.delete(socket)
  }
}

function refuse(socket: Socket, max: number): void {
  const error = controlError(
    'CONNECTIONS_FULL',
    `${max} requests run at a time by the control socket already`,
  )
  const body = JSON.stringify({ error: errorBody(error) })
  const head = `HTTP/1.1 ${statusOf(error)} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}`
  socket.write(`${head}\r\nConnection: close\r\n\r\n${body}`)
  socket.destroySoon()
}
