import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import {
  type AbortOptions,
  InvalidCryptoExchangeError,
  type PeerId,
  type PrivateKey,
  type SecureConnectionOptions,
  TimeoutError,
} from '@libp2p/interface'
import { cipherOrder, type FirstCipher } from './ciphers.ts'
import { createCertificate, verifyCertificate } from './tls-certificate.ts'

/** What this node shows of itself in TLS handshakes: one certificate a process. */
export interface TlsIdentity {
  context(): Promise<SecureContext>
}

export function createTlsIdentity(
  privateKey: PrivateKey,
  { firstCipher }: { readonly firstCipher: FirstCipher },
): TlsIdentity {
  let context: Promise<SecureContext> | undefined
  const create = async (): Promise<SecureContext> =>
    createSecureContext({
      ...(await createCertificate(privateKey)),
      ...cipherOrder(firstCipher),
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
    })
  return {
    context() {
      context ??= create()
      return context
    },
  }
}

/** The certificate is checked by its signature of the peer's key, not by an authority. */
export const PEER_CERTIFICATE = { requestCert: true, rejectUnauthorized: false } as const

/** Resolves with the peer at the other end once its certificate is checked. */
export async function handshake(
  tls: TLSSocket,
  { remotePeer, signal }: Pick<SecureConnectionOptions, 'remotePeer' | 'signal'>,
): Promise<PeerId> {
  await secured(tls, { signal })
  const certificate = tls.getPeerX509Certificate()
  if (!certificate) throw new InvalidCryptoExchangeError('The peer sent no certificate')
  // There only where more came than the peer's own, issued by it or not.
  if (certificate.issuerCertificate) {
    throw new InvalidCryptoExchangeError('The peer sent more than one certificate')
  }
  const peer = await verifyCertificate(certificate.raw, remotePeer)
  signal?.throwIfAborted()
  if (tls.destroyed) throw new InvalidCryptoExchangeError('The connection closed after the handshake')
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
    if (signal?.aborted) return onAbort()
    // Stays: an error after this one must find a listener.
    tls.on('error', onError)
    tls.once('secure', onSecure).once('close', onClose)
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted) onAbort()
  })
}
