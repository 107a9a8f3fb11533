import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'

// Ed25519 keys go by the text of the peer id that they make, `12D3KooW…`: of peers, and of owners and invites alike.

export const KEY_BYTES = 32

/** https://www.rfc-editor.org/rfc/rfc8410: what stands before the bytes of a key. */
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** What a signature is for, so that none can be taken for another. */
export type Purpose = 'charter' | 'roster' | 'join'

/** A private key that signs for a fleet. */
export interface Signer {
  readonly id: string
  sign(purpose: Purpose, bytes: Uint8Array): Uint8Array<ArrayBuffer>
}

export function createSigner(key: PrivateKey): Signer {
  const seed = key.raw.subarray(0, KEY_BYTES)
  const privateKey = createPrivateKey({
    key: Buffer.concat([PRIVATE_PREFIX, seed]),
    format: 'der',
    type: 'pkcs8',
  })
  return {
    id: idOf(key.publicKey.raw),
    sign: (purpose, bytes) => sign(null, signedBytes(purpose, bytes), privateKey),
  }
}

/** Never throws. */
export function isSignedBy(
  id: string,
  purpose: Purpose,
  { bytes, signature }: { readonly bytes: Uint8Array; readonly signature: Uint8Array },
): boolean {
  try {
    return verify(null, signedBytes(purpose, bytes), publicKeyOf(id), signature)
  } catch {
    return false
  }
}

/** @throws TypeError where it isn't as long as a key */
export function idOf(key: Uint8Array): string {
  if (key.byteLength !== KEY_BYTES) throw new TypeError(`a key of ${key.byteLength} bytes, not ${KEY_BYTES}`)
  return peerIdFromPublicKey(publicKeyFromRaw(key)).toString()
}

/** @throws TypeError where the id is of another kind of key */
export function keyOf(id: string): Uint8Array<ArrayBuffer> {
  const { publicKey } = peerIdFromString(id)
  if (publicKey?.type !== 'Ed25519') throw new TypeError(`${id} is no id of an Ed25519 key`)
  return Uint8Array.from(publicKey.raw)
}

function publicKeyOf(id: string): KeyObject {
  return createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, keyOf(id)]), format: 'der', type: 'spki' })
}

function signedBytes(purpose: Purpose, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`skep-fleet-${purpose}:`), bytes])
}
