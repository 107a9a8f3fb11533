import type { PeerId, PrivateKey } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import type { Multiaddr } from '@multiformats/multiaddr'
import { discoveryError } from '../errors.ts'
import { MAX_RECORD_BYTES } from '../wire/codec.ts'
import { nearest, type Scope, scopeOf } from './scope.ts'

/**
 * Where a peer may be dialed, in its own words.
 * https://github.com/libp2p/specs/blob/master/RFC/0003-routing-records.md
 */
export interface SignedRecord {
  readonly peer: PeerId
  /** The higher, the later it was signed. */
  readonly sequence: bigint
  /** Without `/p2p`. */
  readonly addresses: readonly Multiaddr[]
  /** Of the nearest address: what it says is worth nothing further away. */
  readonly scope: Scope
  /** The envelope, as it is passed on. */
  readonly bytes: Uint8Array
}

/** Addresses of one record: a board has a handful. */
const MAX_RECORD_ADDRESSES = 16

/** @param addresses without `/p2p`, the best first */
export async function sealRecord(
  peer: PeerId,
  sequence: bigint,
  addresses: readonly Multiaddr[],
  privateKey: PrivateKey,
): Promise<SignedRecord> {
  const told = addresses.slice(0, MAX_RECORD_ADDRESSES)
  const record = new PeerRecord({ peerId: peer, seqNumber: sequence, multiaddrs: told })
  const envelope = await RecordEnvelope.seal(record, privateKey)
  return { peer, sequence, addresses: told, scope: nearest(told.map(scopeOf)), bytes: envelope.marshal() }
}

/**
 * Reads a record; the signature is checked only where `isWanted`, since that is the costly part. Undefined where it isn't.
 *
 * @throws SkepError PEER_RECORD_INVALID
 */
export async function openRecord(
  bytes: Uint8Array,
  isWanted: (peer: PeerId, sequence: bigint) => boolean,
): Promise<SignedRecord | undefined> {
  try {
    if (bytes.byteLength > MAX_RECORD_BYTES) throw new RangeError(`more than ${MAX_RECORD_BYTES} bytes`)
    const { peerId, seqNumber, multiaddrs } = PeerRecord.createFromProtobuf(
      RecordEnvelope.createFromProtobuf(bytes).payload,
    )
    if (multiaddrs.length > MAX_RECORD_ADDRESSES) throw new RangeError(`${multiaddrs.length} addresses`)
    if (!isWanted(peerId, seqNumber)) return undefined
    const { publicKey } = await RecordEnvelope.openAndCertify(bytes, PeerRecord.DOMAIN)
    if (!peerIdFromPublicKey(publicKey).equals(peerId)) throw new TypeError('signed by another peer')
    return {
      peer: peerId,
      sequence: seqNumber,
      addresses: multiaddrs,
      scope: nearest(multiaddrs.map(scopeOf)),
      bytes,
    }
  } catch (cause) {
    throw discoveryError(
      'PEER_RECORD_INVALID',
      `a peer record of ${bytes.byteLength} bytes is malformed, or its signature is wrong`,
      { cause },
    )
  }
}
