import type { Socket } from 'node:net'
import { type ConnectionOptions, connect, type SecureContext, type TLSSocket } from 'node:tls'
import type { ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { Logger } from '../logger.ts'
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
/** To the first byte, and from there to the end of the handshake. A Pi Zero on a bad link takes seconds. */
const KNOCK_TIMEOUT_MS = 10_000
/** Connections that may be in the middle of it. Whoever shares an address with one that is expected may begin one. */
const MAX_HANDSHAKES = 32

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

export interface DoorsDependencies {
  readonly tls: TlsIdentity
  readonly log: Logger
}

/** Lets connections in that are none of libp2p's, and makes such. */
export class Doors {
  readonly #deps: DoorsDependencies
  readonly #doors = new Map<string, Door>()
  readonly #stopped = new AbortController()
  #handshakes = 0
  #context: SecureContext | undefined

  constructor(deps: DoorsDependencies) {
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
    if (!socket || ![...this.#doors.values()].some(door => door.expects(host))) return false
    return new Promise(resolve => {
      const decide = (first: number | undefined): void => {
        const isKnock = first === TLS_HANDSHAKE && this.#welcomes
        // At once, with no await: what arrives meanwhile would be libp2p's.
        if (isKnock) void this.#accept(raw, socket, host)
        resolve(isKnock)
      }
      const { readBuffer } = raw as unknown as { readBuffer: Uint8ArrayList }
      if (readBuffer.byteLength > 0) return decide(readBuffer.get(0))
      const settle = (end: () => void): void => {
        clearTimeout(timer)
        socket.off('data', onData).off('close', onClose)
        end()
      }
      const onData = (chunk: Uint8Array): void => settle(() => decide(chunk[0]))
      const onClose = (): void => settle(() => resolve(true))
      const timer = setTimeout(onClose, KNOCK_TIMEOUT_MS).unref()
      socket.once('data', onData).once('close', onClose)
    })
  }

  get #welcomes(): boolean {
    return this.#handshakes < MAX_HANDSHAKES && !this.#stopped.signal.aborted
  }

  async #accept(raw: MultiaddrConnection, socket: Socket, host: string | undefined): Promise<void> {
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
      const peer = await this.#welcome(tls)
      const door = this.#doors.get(tls.alpnProtocol || '')
      if (!door) throw new Error(`${peer} wanted none of what is open`)
      await door.enter({ peer, tls, socket })
    } catch (error) {
      this.#deps.log.debug({ err: error, address: raw.remoteAddr.toString() }, 'a guest was turned away')
      tls.destroy()
      socket.destroy()
    }
  }

  async #welcome(tls: TLSSocket): Promise<PeerId> {
    this.#handshakes++
    try {
      return await handshake(tls, { signal: this.#timeLimit() })
    } finally {
      this.#handshakes--
    }
  }

  #timeLimit(): AbortSignal {
    return AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(KNOCK_TIMEOUT_MS)])
  }
}
