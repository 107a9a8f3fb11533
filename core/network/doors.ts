import type { Socket } from 'node:net'
import { type ConnectionOptions, connect, type SecureContext, type TLSSocket } from 'node:tls'
import type { ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { Logger } from '../logger.ts'
import type { Doorstep, HeldHandshake } from './doorstep.ts'
import { networkError } from './errors.ts'
import { wrap } from './native-tls.ts'
import { SocketIntake, SocketPipe } from './socket-pipe.ts'
import { hostOf, type TcpPlace } from './tcp-place.ts'
import { handshake, PEER_CERTIFICATE, type TlsIdentity } from './tls-identity.ts'
import { rawSocketOf } from './traffic.ts'

// Beside libp2p, the port of a node can speak other protocols over TLS, told apart by ALPN. Whoever comes shows the same
// certificate as to libp2p, but sees nothing of it: no muxer, no identify.

/** First byte of a TLS record with a handshake; libp2p connections begin with multistream-select. RFC 8446, section 5.1 */
const TLS_HANDSHAKE = 0x16
/** For a handshake of our own. A Pi Zero on a bad link takes seconds. */
const KNOCK_TIMEOUT_MS = 10_000

/** Another protocol on the port. */
export interface Door {
  /** Names it in ALPN. */
  readonly alpn: string
  /** Whether somebody may come from `host` now: only then connections are looked into before libp2p has them. */
  expects(host: string | undefined): boolean
  /** Takes over a connection whose peer is proved. Where it throws, the connection ends. */
  enter(guest: Guest): Promise<void>
}

export interface Guest {
  readonly peer: PeerId
  readonly tls: TLSSocket
  /** What `tls` runs on. */
  readonly socket: Socket
}

export interface DoorsOptions {
  /** In a private network what comes is encrypted from the first byte on: one in 256 would look like a knock. */
  readonly isShut: boolean
}

export interface DoorsDependencies {
  readonly tls: TlsIdentity
  /** Bounds the handshakes of those who come, in number and time. */
  readonly doorstep: Pick<Doorstep, 'hold'>
  readonly log: Logger
}

/** Lets connections in that are none of libp2p's, and makes such. */
export class Doors {
  readonly #isShut: boolean
  readonly #deps: DoorsDependencies
  readonly #doors = new Map<string, Door>()
  readonly #stopped = new AbortController()
  #context: SecureContext | undefined

  constructor({ isShut }: DoorsOptions, deps: DoorsDependencies) {
    this.#isShut = isShut
    this.#deps = deps
  }

  /** Takes from libp2p's listener who comes to a door, before it is told apart from other connections. */
  readonly rule: ConnectionGater = { denyInboundConnection: raw => this.#divert(raw) }

  async start(): Promise<void> {
    // Made now: who is expected may come at once.
    this.#context = await this.#deps.tls.context()
  }

  add(door: Door): void {
    this.#doors.set(door.alpn, door)
  }

  stop(): void {
    this.#stopped.abort(networkError('NETWORK_STOPPED', 'the network has stopped'))
  }

  /** Goes to the door `alpn` of `peer`. Rejects where it isn't the peer, or has no such door. */
  async knock(
    alpn: string,
    peer: PeerId,
    place: TcpPlace,
    signal: AbortSignal,
  ): Promise<{ readonly socket: TLSSocket; readonly pipe: SocketPipe }> {
    const secureContext = await this.#deps.tls.context()
    const intake = new SocketIntake()
    const socket = connect({
      ...place,
      ...PEER_CERTIFICATE,
      secureContext,
      ALPNProtocols: [alpn],
      allowHalfOpen: true,
      onread: intake.options,
    } as ConnectionOptions)
    try {
      const limit = AbortSignal.any([signal, this.#timeLimit()])
      await handshake(socket, { signal: limit, remotePeer: peer })
      if (socket.alpnProtocol !== alpn) throw new Error('something else answers there')
      // Questions are small, and must not wait until those before have been acknowledged.
      socket.setNoDelay()
      return { socket, pipe: new SocketPipe(socket, intake) }
    } catch (error) {
      socket.destroy()
      throw error
    }
  }

  /** True where it went to a door, which is none of libp2p's business, and where nothing came. */
  #divert(raw: MultiaddrConnection): Promise<boolean> | false {
    const socket = rawSocketOf(raw)
    const host = hostOf(raw.remoteAddr)
    if (!socket || this.#isShut || ![...this.#doors.values()].some(door => door.expects(host))) return false
    return new Promise(resolve => {
      const decide = (first: number | undefined): void => {
        const isKnock = first === TLS_HANDSHAKE && !this.#stopped.signal.aborted
        // At once, with no await: what arrives meanwhile would be libp2p's.
        if (isKnock) void this.#accept(raw, socket, this.#deps.doorstep.hold(raw))
        resolve(isKnock)
      }
      const { readBuffer } = raw as unknown as { readBuffer: Uint8ArrayList }
      if (readBuffer.byteLength > 0) return decide(readBuffer.get(0))
      const settle = (end: () => void): void => {
        socket.off('data', onData).off('close', onClose)
        end()
      }
      const onData = (chunk: Uint8Array): void => settle(() => decide(chunk[0]))
      const onClose = (): void => settle(() => resolve(true))
      socket.once('data', onData).once('close', onClose)
    })
  }

  async #accept(raw: MultiaddrConnection, socket: Socket, held: HeldHandshake): Promise<void> {
    const host = hostOf(raw.remoteAddr)
    // libp2p ends what it was denied.
    raw.abort = () => {}
    socket.allowHalfOpen = true
    const open = [...this.#doors.values()].filter(door => door.expects(host)).map(({ alpn }) => alpn)
    const tls = wrap(raw, socket, {
      ...PEER_CERTIFICATE,
      isServer: true,
      secureContext: this.#context,
      ALPNCallback: ({ protocols }) => open.find(alpn => protocols.includes(alpn)),
    })
    try {
      const peer = await this.#welcome(tls, held)
      const door = this.#doors.get(tls.alpnProtocol || '')
      if (!door) throw new Error(`${peer} wanted none of what is open`)
      await door.enter({ peer, tls, socket })
    } catch (error) {
      this.#deps.log.debug({ err: error, address: raw.remoteAddr.toString() }, 'a guest was turned away')
      tls.destroy()
      socket.destroy()
    }
  }

  async #welcome(tls: TLSSocket, { signal, release }: HeldHandshake): Promise<PeerId> {
    try {
      return await handshake(tls, { signal: AbortSignal.any([this.#stopped.signal, signal]) })
    } finally {
      release()
    }
  }

  #timeLimit(): AbortSignal {
    return AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(KNOCK_TIMEOUT_MS)])
  }
}
