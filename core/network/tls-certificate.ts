import { generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'
import { publicKeyFromProtobuf, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import {
  InvalidCryptoExchangeError,
  type PeerId,
  type PrivateKey,
  UnexpectedPeerError,
} from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import * as asn1 from 'asn1js'

// The libp2p TLS handshake: https://github.com/libp2p/specs/blob/master/tls/tls.md

const LIBP2P_EXTENSION = '1.3.6.1.4.1.53594.1.1'
const SIGNATURE_PREFIX = 'libp2p-tls-handshake:'
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2'
/** Extensions of RFC 5280 say nothing that libp2p asks; another critical one says that we must not go on. */
const STANDARD_EXTENSIONS = '2.5.29.'
const SERIAL_BYTES = 8

/** A board without a clock starts anywhere between 1970 and now, and peers of other makes check these. */
const VALID_FROM = new Date('2000-01-01T00:00:00Z')
const VALID_TO = new Date('4096-01-01T00:00:00Z')

export interface TlsCertificate {
  readonly cert: string
  readonly key: string
}

/** A certificate with a key of its own, in which the node's key vouches for that key. Takes milliseconds: make one a process. */
export async function createCertificate(identity: PrivateKey): Promise<TlsCertificate> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const signature = await identity.sign(signedBytes(publicKey))
  const signedKey = new asn1.Sequence({
    value: [octets(publicKeyToProtobuf(identity.publicKey)), octets(signature)],
  })
  const certificate = selfSigned(publicKey, privateKey, new Uint8Array(signedKey.toBER()))
  return {
    cert: pem('CERTIFICATE', certificate),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  }
}

/**
 * The peer a certificate speaks for. Dates aren't looked at: the key is the identity, and boards have no clock.
 *
 * @throws InvalidCryptoExchangeError, UnexpectedPeerError
 */
export async function verifyCertificate(der: Uint8Array, expected?: PeerId): Promise<PeerId> {
  const { publicKey, signedKey } = readCertificate(der)
  let peer: PeerId
  let vouched: boolean
  try {
    const identity = publicKeyFromProtobuf(signedKey.publicKey)
    peer = peerIdFromPublicKey(identity)
    vouched = await identity.verify(signedBytes(publicKey), signedKey.signature)
  } catch (cause) {
    throw invalid('the key of the peer is malformed, or of a kind that libp2p does not know', cause)
  }
  if (!vouched) throw invalid('the key of the peer does not vouch for it')
  if (expected && !expected.equals(peer)) {
    throw new UnexpectedPeerError(`Expected peer ${expected}, but the certificate is of ${peer}`)
  }
  return peer
}

function readCertificate(der: Uint8Array): { publicKey: KeyObject; signedKey: SignedKey } {
  let selfSigned: boolean
  let publicKey: KeyObject
  try {
    const certificate = new X509Certificate(der)
    publicKey = certificate.publicKey
    selfSigned = certificate.verify(publicKey)
  } catch (cause) {
    throw invalid('it cannot be read', cause)
  }
  if (!selfSigned) throw invalid('it is not signed by its own key')
  return { publicKey, signedKey: readSignedKey(der) }
}

interface SignedKey {
  /** Protobuf of the peer's public key. */
  readonly publicKey: Uint8Array
  readonly signature: Uint8Array
}

function readSignedKey(der: Uint8Array): SignedKey {
  let signedKey: SignedKey | undefined
  for (const { id, critical, value } of extensionsOf(der)) {
    if (id === LIBP2P_EXTENSION) {
      if (signedKey) throw invalid('it names two peers')
      const [publicKey, signature] = itemsOf(asn1.fromBER(value).result)
      signedKey = { publicKey: octetsOf(publicKey), signature: octetsOf(signature) }
    } else if (critical && !id.startsWith(STANDARD_EXTENSIONS)) {
      throw invalid(`it has an unknown critical extension ${id}`)
    }
  }
  if (!signedKey) throw invalid('it names no peer')
  return signedKey
}

interface Extension {
  readonly id: string
  readonly critical: boolean
  readonly value: Uint8Array
}

/** Certificate -> to be signed -> the explicit [3] -> extensions. */
function extensionsOf(der: Uint8Array): Extension[] {
  const [toBeSigned] = itemsOf(asn1.fromBER(der).result)
  const holder = itemsOf(toBeSigned).find(({ idBlock }) => idBlock.tagClass === 3 && idBlock.tagNumber === 3)
  if (!holder) return []
  return itemsOf(itemsOf(holder)[0]).map(extension => {
    const [id, ...rest] = itemsOf(extension)
    if (!(id instanceof asn1.ObjectIdentifier)) throw invalid('an extension has no id')
    const [flag] = rest
    const critical = flag instanceof asn1.Boolean && flag.getValue()
    return { id: id.getValue(), critical, value: octetsOf(rest.at(-1)) }
  })
}

function itemsOf(block: asn1.AsnType | undefined): asn1.AsnType[] {
  if (!(block instanceof asn1.Constructed)) throw invalid('its structure is wrong')
  return block.valueBlock.value as asn1.AsnType[]
}

function octetsOf(block: asn1.AsnType | undefined): Uint8Array {
  if (!(block instanceof asn1.OctetString)) throw invalid('its structure is wrong')
  return new Uint8Array(block.getValue())
}

/** What the key of a peer signs. */
function signedBytes(certificateKey: KeyObject): Uint8Array {
  const key = certificateKey.export({ type: 'spki', format: 'der' })
  return Buffer.concat([Buffer.from(SIGNATURE_PREFIX), key])
}

function selfSigned(publicKey: KeyObject, privateKey: KeyObject, signedKey: Uint8Array): Uint8Array {
  const algorithm = new asn1.Sequence({ value: [new asn1.ObjectIdentifier({ value: ECDSA_WITH_SHA256 })] })
  const nobody = new asn1.Sequence({ value: [] })
  const serial = randomBytes(SERIAL_BYTES)
  // Positive, and without a leading zero byte.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40
  const extension = new asn1.Sequence({
    value: [
      new asn1.ObjectIdentifier({ value: LIBP2P_EXTENSION }),
      new asn1.Boolean({ value: true }),
      octets(signedKey),
    ],
  })
  const toBeSigned = new asn1.Sequence({
    value: [
      explicit(0, new asn1.Integer({ value: 2 })),
      new asn1.Integer({ valueHex: serial }),
      algorithm,
      nobody,
      new asn1.Sequence({
        value: [
          new asn1.UTCTime({ valueDate: VALID_FROM }),
          new asn1.GeneralizedTime({ valueDate: VALID_TO }),
        ],
      }),
      nobody,
      asn1.fromBER(publicKey.export({ type: 'spki', format: 'der' })).result,
      explicit(3, new asn1.Sequence({ value: [extension] })),
    ],
  })
  const signature = sign('sha256', Buffer.from(toBeSigned.toBER()), privateKey)
  const certificate = new asn1.Sequence({
    value: [toBeSigned, algorithm, new asn1.BitString({ valueHex: signature })],
  })
  return new Uint8Array(certificate.toBER())
}

function explicit(tagNumber: number, value: asn1.AsnType): asn1.Constructed {
  return new asn1.Constructed({ idBlock: { tagClass: 3, tagNumber }, value: [value] })
}

function octets(valueHex: Uint8Array): asn1.OctetString {
  return new asn1.OctetString({ valueHex })
}

function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

function invalid(why: string, cause?: unknown): Error {
  return Object.assign(new InvalidCryptoExchangeError(`Invalid certificate: ${why}`), { cause })
}
