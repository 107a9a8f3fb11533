import { Socket } from 'node:net'
import type { ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface'

export interface TrafficStatus {
  readonly receivedBytes: number
  readonly sentBytes: number
  /** Over the last minute, or since the start where that is less. */
  readonly receivedBytesPerSecond: number
  readonly sentBytesPerSecond: number
}

/** Rates are over so long: enough to be calm, short enough to be about now. */
const WINDOW_MS = 60_000

interface Sample {
  readonly atMs: number
  readonly receivedBytes: number
  readonly sentBytes: number
}

/** Bytes on the wire, over all connections so far. libp2p keeps no such count; the sockets do. */
export class Traffic {
  /** Open sockets by the peer they lead to, each with the bytes, both ways, that it had when the last sample was taken. */
  readonly #open = new Map<string, Map<Socket, number>>()
  /** Of the last minute, the oldest first. */
  #samples: Sample[] = []
  #receivedBytes = 0
  #sentBytes = 0

  get receivedBytes(): number {
    let bytes = this.#receivedBytes
    for (const sockets of this.#open.values()) for (const socket of sockets.keys()) bytes += socket.bytesRead
    return bytes
  }

  get sentBytes(): number {
    let bytes = this.#sentBytes
    for (const sockets of this.#open.values())
      for (const socket of sockets.keys()) bytes += socket.bytesWritten
    return bytes
  }

  /** Refuses nobody: the gate is where libp2p shows the raw connection of a peer. */
  readonly rule: ConnectionGater = {
    denyInboundEncryptedConnection: (peer, raw) => this.#watchRaw(peer, raw),
    denyOutboundEncryptedConnection: (peer, raw) => this.#watchRaw(peer, raw),
  }

  /** Counts what goes through `socket`, which leads to `peer`, from now on. */
  watch(peer: PeerId, socket: Socket): void {
    const key = peer.toString()
    const sockets = this.#open.get(key) ?? new Map<Socket, number>()
    if (socket.destroyed || sockets.has(socket)) return
    this.#open.set(key, sockets.set(socket, bytesOf(socket)))
    socket.once('close', () => {
      sockets.delete(socket)
      if (sockets.size === 0 && this.#open.get(key) === sockets) this.#open.delete(key)
      this.#receivedBytes += socket.bytesRead
      this.#sentBytes += socket.bytesWritten
    })
  }

  /** Bytes that came on the sockets that are open, by the peer's id as text. */
  receivedByPeer(): Map<string, number> {
    const received = new Map<string, number>()
    for (const [peer, sockets] of this.#open) {
      let bytes = 0
      for (const socket of sockets.keys()) bytes += socket.bytesRead
      received.set(peer, bytes)
    }
    return received
  }

  /** Bytes since the last sample, both ways, on the sockets to `peer` that are open. */
  recentBytes(peer: PeerId): number {
    let bytes = 0
    for (const [socket, sampled] of this.#open.get(peer.toString()) ?? []) bytes += bytesOf(socket) - sampled
    return bytes
  }

  /** IP addresses at the other end of the sockets to `peer`. */
  hostsOf(peer: PeerId): string[] {
    const sockets = this.#open.get(peer.toString())?.keys() ?? []
    return Array.from(sockets).flatMap(({ remoteAddress }) => remoteAddress ?? [])
  }

  /** Called every few seconds: what rates, and bytes lately, are counted from. */
  sample(nowMs: number): void {
    const { receivedBytes, sentBytes } = this
    this.#samples = this.#samples.filter(({ atMs }) => nowMs - atMs < WINDOW_MS)
    this.#samples.push({ atMs: nowMs, receivedBytes, sentBytes })
    for (const sockets of this.#open.values()) {
      for (const socket of sockets.keys()) sockets.set(socket, bytesOf(socket))
    }
  }

  status(nowMs: number): TrafficStatus {
    const { receivedBytes, sentBytes } = this
    const from = this.#samples.find(({ atMs }) => nowMs - atMs <= WINDOW_MS)
    const seconds = from ? (nowMs - from.atMs) / 1000 : 0
    const rate = (now: number, before = now): number =>
      seconds > 0 ? Math.round((now - before) / seconds) : 0
    return {
      receivedBytes,
      sentBytes,
      receivedBytesPerSecond: rate(receivedBytes, from?.receivedBytes),
      sentBytesPerSecond: rate(sentBytes, from?.sentBytes),
    }
  }

  #watchRaw(peer: PeerId, raw: MultiaddrConnection): false {
    const socket = rawSocketOf(raw)
    if (socket) this.watch(peer, socket)
    return false
  }
}

function bytesOf({ bytesRead, bytesWritten }: Socket): number {
  return bytesRead + bytesWritten
}

/**
 * The TCP socket under a raw libp2p connection, or undefined where there is none: libp2p keeps it in a private field.
 * A socket of a derived class (TLS) isn't raw.
 */
export function rawSocketOf(connection: object): Socket | undefined {
  const { socket } = connection as { socket?: unknown }
  return socket instanceof Socket && Object.getPrototypeOf(socket) === Socket.prototype ? socket : undefined
}
