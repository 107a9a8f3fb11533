import { Socket } from 'node:net'
import type { ConnectionGater, MultiaddrConnection } from '@libp2p/interface'

/** Bytes on the wire, over all connections so far. libp2p keeps no such count; the sockets do. */
export class Traffic {
  readonly #open = new Set<Socket>()
  #receivedBytes = 0
  #sentBytes = 0

  get receivedBytes(): number {
    let bytes = this.#receivedBytes
    for (const socket of this.#open) bytes += socket.bytesRead
    return bytes
  }

  get sentBytes(): number {
    let bytes = this.#sentBytes
    for (const socket of this.#open) bytes += socket.bytesWritten
    return bytes
  }

  /** Refuses nobody: the gate is where libp2p shows the raw connection of a peer. */
  readonly rule: ConnectionGater = {
    denyInboundEncryptedConnection: (_peer, raw) => this.#watch(raw),
    denyOutboundEncryptedConnection: (_peer, raw) => this.#watch(raw),
  }

  /** Counts what goes through `socket` from now on. */
  watch(socket: Socket): void {
    if (socket.destroyed || this.#open.has(socket)) return
    this.#open.add(socket)
    socket.once('close', () => {
      this.#open.delete(socket)
      this.#receivedBytes += socket.bytesRead
      this.#sentBytes += socket.bytesWritten
    })
  }

  #watch(raw: MultiaddrConnection): false {
    const socket = rawSocketOf(raw)
    if (socket) this.watch(socket)
    return false
  }
}

/**
 * The TCP socket under a raw libp2p connection, or undefined where there is none: libp2p keeps it in a private field.
 * A socket of a derived class (TLS) isn't raw.
 */
export function rawSocketOf(connection: object): Socket | undefined {
  const { socket } = connection as { socket?: unknown }
  return socket instanceof Socket && Object.getPrototypeOf(socket) === Socket.prototype ? socket : undefined
}
