import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type SecureContextOptions } from 'node:tls'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { createTlsIdentity } from '../../../core/network/tls-identity.ts'
import { line } from './bytes.ts'
import { knock, type Place, Wire } from './wire.ts'
import { RawYamux } from './yamux.ts'

// A libp2p peer by hand, which can stop after any step: a connection, `/multistream/1.0.0`, the encryption, the muxer.

const MULTISTREAM = '/multistream/1.0.0'
const TLS = '/tls/1.0.0'
const NOISE = '/noise'
const YAMUX = '/yamux/1.0.0'

/** Agrees on how to encrypt, and stops. Rejects where the other side has ended it. */
async function agree(wire: Wire, protocol: string): Promise<void> {
  wire.send(line(MULTISTREAM), line(protocol))
  await wire.takeMessage()
  const answer = String(await wire.takeMessage()).trim()
  if (answer !== protocol) throw new Error(`expected ${protocol}, got ${answer}`)
}

/** A connection on which the other side waits for a TLS handshake. */
export async function knockForTls(place: Place): Promise<Wire> {
  const wire = await knock(place)
  await agree(wire, TLS)
  return wire
}

/** A connection in the midst of a Noise handshake: it has sent the first message, and was sent the second. */
export async function knockForNoise(place: Place): Promise<Wire> {
  const wire = await knock(place)
  await agree(wire, NOISE)
  // An ephemeral key: any 32 bytes are one. https://github.com/libp2p/specs/blob/master/noise/README.md
  wire.send(Buffer.from([0, 32]), randomBytes(32))
  const length = (await wire.take(2)).readUInt16BE()
  await wire.take(length)
  return wire
}

export interface TlsOptions {
  /** Who it is. */
  readonly key?: PrivateKey
  /** Another certificate than that of `key`. */
  readonly certificate?: SecureContextOptions['cert'] & {}
  readonly alpn?: readonly string[]
}

/** The clear side of an encrypted connection; the muxer is what `alpn` begins with, if the other side knows it. */
export async function secure(wire: Wire, { key, alpn = [YAMUX, 'libp2p'] }: TlsOptions = {}): Promise<Wire> {
  const identity = createTlsIdentity(key ?? (await generateKeyPair('Ed25519')), { firstCipher: 'aes' })
  const tls = connect({
    socket: wire.release(),
    secureContext: await identity.context(),
    rejectUnauthorized: false,
    ALPNProtocols: [...alpn],
  })
  const secured = new Wire(tls)
  const failed = secured.gone.then(() => {
    throw new Error('it ended in the TLS handshake')
  })
  await Promise.race([once(tls, 'secureConnect'), failed])
  failed.catch(() => {})
  return secured
}

/** All the way: a connection with a muxer. The other side may still say no to who it is. */
export async function connectRaw(place: Place, options: TlsOptions = {}): Promise<RawYamux> {
  return new RawYamux(await secure(await knockForTls(place), options))
}
