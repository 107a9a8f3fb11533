import type { Socket } from 'node:net'
import { connect, TLSSocket, type TLSSocketOptions } from 'node:tls'
import {
  type ComponentLogger,
  type ConnectionEncrypter,
  type MessageStream,
  type PrivateKey,
  type SecureConnectionOptions,
  type SecuredConnection,
  type StreamMuxerFactory,
  serviceCapabilities,
  type Upgrader,
} from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import { TlsConnection } from './tls-connection.ts'
import { handshake, PEER_CERTIFICATE, type TlsIdentity } from './tls-identity.ts'
import { rawSocketOf } from './traffic.ts'

const PROTOCOL = '/tls/1.0.0'
/** Says in ALPN that the muxer is to be agreed on later. */
const NO_EARLY_MUXER = 'libp2p'

/** What of libp2p it uses. */
export interface NativeTlsComponents {
  readonly privateKey: PrivateKey
  readonly upgrader: Upgrader
  readonly logger: ComponentLogger
  readonly connectionProtector?: unknown
}

/**
 * libp2p's `/tls/1.0.0` on the connection's own socket: Node's TLS engine reads and writes it without JavaScript in
 * between. Compatible on the wire with @libp2p/tls and go-libp2p. Where there is no raw socket (an encrypted, protected
 * or relayed connection), @libp2p/tls does it.
 */
export class NativeTls implements ConnectionEncrypter {
  readonly protocol = PROTOCOL
  readonly [serviceCapabilities] = ['@libp2p/connection-encryption']
  readonly #identity: TlsIdentity
  readonly #components: NativeTlsComponents
  #fallback: Promise<ConnectionEncrypter> | undefined

  constructor(identity: TlsIdentity, components: NativeTlsComponents) {
    this.#identity = identity
    this.#components = components
  }

  async secureInbound(
    connection: MessageStream,
    options?: SecureConnectionOptions,
  ): Promise<SecuredConnection> {
    return this.#secure(connection, true, options)
  }

  async secureOutbound(
    connection: MessageStream,
    options?: SecureConnectionOptions,
  ): Promise<SecuredConnection> {
    return this.#secure(connection, false, options)
  }

  async #secure(
    connection: MessageStream,
    isServer: boolean,
    options: SecureConnectionOptions = {},
  ): Promise<SecuredConnection> {
    const socket = this.#components.connectionProtector === undefined ? rawSocketOf(connection) : undefined
    if (!socket) {
      const fallback = await this.#loadFallback()
      return isServer
        ? fallback.secureInbound(connection, options)
        : fallback.secureOutbound(connection, options)
    }
    const secureContext = await this.#identity.context()
    options.signal?.throwIfAborted()
    const muxers = options.skipStreamMuxerNegotiation
      ? undefined
      : this.#components.upgrader.getStreamMuxers()
    const tls = wrap(connection, socket, { ...this.#tlsOptions(muxers, isServer), secureContext, isServer })
    try {
      const remotePeer = await handshake(tls, options)
      const streamMuxer = muxers?.get(tls.alpnProtocol || NO_EARLY_MUXER)
      return { remotePeer, connection: new TlsConnection(connection, tls), streamMuxer }
    } catch (error) {
      tls.destroy()
      connection.abort(error as Error)
      throw error
    }
  }

  #tlsOptions(muxers: Map<string, StreamMuxerFactory> | undefined, isServer: boolean): TLSSocketOptions {
    const known = [...(muxers?.keys() ?? []), NO_EARLY_MUXER]
    return {
      ...PEER_CERTIFICATE,
      ...(isServer
        ? { ALPNCallback: ({ protocols }) => protocols.find(protocol => known.includes(protocol)) }
        : { ALPNProtocols: known }),
    }
  }

  /** A quarter of a second to load on a desktop, and hardly ever needed. */
  #loadFallback(): Promise<ConnectionEncrypter> {
    this.#fallback ??= import('@libp2p/tls').then(({ tls }) => tls()(this.#components))
    return this.#fallback
  }
}

/**
 * Takes the socket from libp2p and gives it to the TLS engine. From here to the end without an await: what arrives
 * meanwhile would be lost. Bytes that libp2p has read too far go back first.
 */
export function wrap(connection: MessageStream, socket: Socket, options: TLSSocketOptions): TLSSocket {
  const { readBuffer } = connection as unknown as { readBuffer: Uint8ArrayList }
  socket.pause()
  socket.removeAllListeners('data')
  const early = readBuffer.subarray()
  readBuffer.consume(early.byteLength)
  if (early.byteLength > 0) socket.unshift(early)
  return options.isServer ? new TLSSocket(socket, options) : connect({ ...options, socket })
}
