import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { createSigner, type Signer } from '../../../core/fleet/keys.ts'
import { foundRoster, type Roster } from '../../../core/fleet/roster.ts'
import type { Signers } from '../../../core/fleet/signed-roster.ts'

/** The key whose seed is `number` in each byte, so that fixtures stay what they are. */
export async function signerNumber(number: number): Promise<Signer> {
  return createSigner(await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(number)))
}

export interface Parties {
  readonly owner: Signer
  readonly desk: Signer
  readonly kitchen: Signer
  readonly attic: Signer
  /** What the founder, `desk`, signs with. */
  readonly signers: Signers
  /** Of the founder alone. */
  readonly roster: Roster
}

export async function createParties(): Promise<Parties> {
  const [owner, desk, kitchen, attic] = await Promise.all([1, 2, 3, 4].map(signerNumber))
  if (!owner || !desk || !kitchen || !attic) throw new Error('four keys are made')
  const roster = foundRoster(
    { owner: owner.id, name: 'home' },
    { peer: desk.id, name: 'desk', joinedMs: 1_700_000_000_000 },
  )
  return { owner, desk, kitchen, attic, signers: { self: desk, owner }, roster }
}
