import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { PrivateKey } from '@libp2p/interface'

const SEED_BYTES = 32

/**
 * False of a key that isn't Ed25519, or whose seed makes another public key than the one that libp2p keeps beside it and never
 * compares: a bit of a file turned, or a character of a backup was copied wrong. Nobody takes what such a key signs.
 */
export function isWholeKey(key: PrivateKey): boolean {
  if (key.type !== 'Ed25519') return false
  const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
  const [d, x] = [key.raw.subarray(0, SEED_BYTES), key.publicKey.raw].map(base64url) as [string, string]
  const made = createPublicKey(
    createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', d, x }, format: 'jwk' }),
  ).export({ format: 'jwk' })
  return made.x === x
}
