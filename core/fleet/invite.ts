import { randomBytes } from 'node:crypto'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { base58btc } from 'multiformats/bases/base58'
import { fleetError } from './errors.ts'
import { createSigner, idOf, isSignedBy, KEY_BYTES, keyOf, type Signer } from './keys.ts'
import { InviteText } from './wire/fleet.js'

/** What lets one board into a fleet, once. Whoever has it may use it. */
export interface Invite {
  /** What the key of the invite is made of. The node that made it keeps the public key alone. */
  readonly seed: Uint8Array<ArrayBuffer>
  /** Of the fleet. */
  readonly owner: string
  readonly fleet: string
  /** Peer id of the node that made it, and lets its bearer in. */
  readonly host: string
  /** Where that is; without `/p2p/…`. */
  readonly addresses: readonly Multiaddr[]
  /** By the wall clock of the host. */
  readonly expiresMs: number
}

const PREFIX = 'skep-invite-'
/** It has to fit in a QR code that a camera reads. */
export const MAX_INVITE_ADDRESSES = 6
const MAX_INVITE_CHARACTERS = 2048

export function newSeed(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(randomBytes(KEY_BYTES))
}

/** @throws TypeError where the seed has another length */
export async function signerOf({ seed }: Pick<Invite, 'seed'>): Promise<Signer> {
  return createSigner(await generateKeyPairFromSeed('Ed25519', seed))
}

export function formatInvite({ seed, owner, fleet, host, addresses, expiresMs }: Invite): string {
  const bytes = InviteText.encode({
    seed,
    owner: keyOf(owner),
    host: keyOf(host),
    addresses: addresses.slice(0, MAX_INVITE_ADDRESSES).map(({ bytes }) => Uint8Array.from(bytes)),
    expiresMs: BigInt(expiresMs),
    fleet,
  })
  return PREFIX + base58btc.baseEncode(bytes)
}

/**
 * White space around it, as a file or a copy has it, is left out.
 * @throws SkepError INVITE_INVALID, which never quotes it
 */
export function parseInvite(text: string): Invite {
  const trimmed = text.trim()
  if (trimmed.length > MAX_INVITE_CHARACTERS) throw invalid(`it has ${trimmed.length} characters`)
  if (!trimmed.startsWith(PREFIX)) throw invalid(`it does not begin with ${PREFIX}`)
  try {
    const { seed, owner, host, addresses, expiresMs, fleet } = InviteText.decode(
      base58btc.baseDecode(trimmed.slice(PREFIX.length)),
      { limits: { addresses: MAX_INVITE_ADDRESSES } },
    )
    if (seed.byteLength !== KEY_BYTES) throw new TypeError('its secret has another length')
    if (addresses.length === 0) throw new TypeError('it names no address')
    return {
      seed,
      owner: idOf(owner),
      fleet,
      host: idOf(host),
      addresses: addresses.map(bytes => multiaddr(bytes)),
      expiresMs: Number(expiresMs),
    }
  } catch (cause) {
    // The cause might quote what must stay secret, so it goes no further than this.
    throw invalid(cause instanceof TypeError ? cause.message : 'a part is missing or changed')
  }
}

/** Who claims what: an invite, its fleet, the node that made it, and who comes with it. Each peer proves its own key by TLS. */
export interface Claim {
  readonly owner: string
  readonly host: string
  readonly joiner: string
}

export function prove(invite: Signer, claim: Claim): Uint8Array<ArrayBuffer> {
  return invite.sign('join', claimBytes(claim))
}

/** `invite`: the id of its public key. */
export function isProved(invite: string, claim: Claim, signature: Uint8Array): boolean {
  return isSignedBy(invite, 'join', { bytes: claimBytes(claim), signature })
}

function claimBytes({ owner, host, joiner }: Claim): Uint8Array {
  return Buffer.concat([owner, host, joiner].map(keyOf))
}

function invalid(why: string): Error {
  return fleetError('INVITE_INVALID', `this is no invite: ${why}`)
}
