import type { Socket } from 'node:net'
import { connect, createSecureContext, type SecureContext, TLSSocket, type TLSSocketOptions } from 'node:tls'
import {
  type AbortOptions,
  type ComponentLogger,
  type ConnectionEncrypter,
  InvalidCryptoExchangeError,
  type MessageStream,
  type PeerId,
  type PrivateKey,
  type SecureConnectionOptions,
  type SecuredConnection,
  type StreamMuxerFactory,
  serviceCapabilities,
  TimeoutError,
  type Upgrader,
} from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import { cipherOrder, type FirstCipher } from './ciphers.ts'
import { createCertificate, verifyCertificate } from './tls-certificate.ts'
import { TlsConnection } from './tls-connection.ts'
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

export interface NativeTlsOptions {
  readonly firstCipher: FirstCipher
}

/**
 * libp2p's `/tls/1.0.0` on the connection's own socket: Node's TLS engine reads and writes it without JavaScript in
 * between. Compatible on the wire with @libp2p/tls and go-libp2p. Where there is no raw socket (an encrypted, protected
 * or relayed connection), @libp2p/tls does it.
 */
export class NativeTls implements ConnectionEncrypter {
  readonly protocol = PROTOCOL
  readonly [serviceCapabilities] = ['@libp2p/connection-encryption']
  readonly #options: NativeTlsOptions
  readonly #components: NativeTlsComponents
  #context: Promise<SecureContext> | undefined
  #fallback: Promise<ConnectionEncrypter> | undefined

  constructor(options: NativeTlsOptions, components: NativeTlsComponents) {
    this.#options = options
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
    const secureContext = await this.#loadContext()
    options.signal?.throwIfAborted()
    const muxers = options.skipStreamMuxerNegotiation
      ? undefined
      : this.#components.upgrader.getStreamMuxers()
    const tls = wrap(connection, socket, { ...this.#tlsOptions(muxers, isServer), secureContext, isServer })
    try {
      const remotePeer = await handshake(tls, options)
      if (tls.destroyed) throw new InvalidCryptoExchangeError('The connection closed after the handshake')
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
      // The certificate is checked by its signature of the peer's key, not by an authority.
      rejectUnauthorized: false,
      requestCert: true,
      ...(isServer
        ? { ALPNCallback: ({ protocols }) => protocols.find(protocol => known.includes(protocol)) }
        : { ALPNProtocols: known }),
    }
  }

  #loadContext(): Promise<SecureContext> {
    this.#context ??= createCertificate(this.#components.privateKey).then(certificate =>
      createSecureContext({
        ...certificate,
        ...cipherOrder(this.#options.firstCipher),
        minVersion: 'TLSv1.3',
        maxVersion: 'TLSv1.3',
      }),
    )
    return this.#context
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
function wrap(connection: MessageStream, socket: Socket, options: TLSSocketOptions): TLSSocket {
  const { readBuffer } = connection as unknown as { readBuffer: Uint8ArrayList }
  socket.pause()
  socket.removeAllListeners('data')
  const early = readBuffer.subarray()
  readBuffer.consume(early.byteLength)
  if (early.byteLength > 0) socket.unshift(early)
  return options.isServer ? new TLSSocket(socket, options) : connect({ ...options, socket })
}

/** Resolves with the peer at the other end once its certificate is checked. */
async function handshake(tls: TLSSocket, { remotePeer, signal }: SecureConnectionOptions): Promise<PeerId> {
  await secured(tls, { signal })
  const certificate = tls.getPeerX509Certificate()
  if (!certificate) throw new InvalidCryptoExchangeError('The peer sent no certificate')
  // There only where more came than the peer's own, issued by it or not.
  if (certificate.issuerCertificate) {
    throw new InvalidCryptoExchangeError('The peer sent more than one certificate')
  }
  const peer = await verifyCertificate(certificate.raw, remotePeer)
  signal?.throwIfAborted()
  return peer
}

function secured(tls: TLSSocket, { signal }: AbortOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    // Told from within OpenSSL, where promises would go on running: whoever then ended the connection would free what
    // OpenSSL still works on, and the process would crash.
    const onSecure = (): void => void setImmediate(settle, resolve)
    const onError = (error: Error): void => settle(() => reject(error))
    const onClose = (): void =>
      onError(new InvalidCryptoExchangeError('The connection closed during the handshake'))
    const onAbort = (): void => onError(new TimeoutError('The TLS handshake took too long'))
    const settle = (end: () => void): void => {
      tls.off('secure', onSecure).off('close', onClose)
      signal?.removeEventListener('abort', onAbort)
      end()
    }
    // Stays: an error after this one must find a listener.
    tls.on('error', onError)
    tls.once('secure', onSecure).once('close', onClose)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
