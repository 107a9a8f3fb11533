import { createHash } from 'node:crypto'
import { isSkepError, messageOf } from '../errors.ts'
import { fleetError } from './errors.ts'
import { idOf, isSignedBy, keyOf, type Signer } from './keys.ts'
import { isName } from './names.ts'
import {
  type Charter,
  compareHeads,
  type Head,
  MAX_MEMBERS,
  MAX_OPERATORS,
  MAX_REMOVED,
  type Roster,
} from './roster.ts'
import * as wire from './wire/fleet.js'

/** A roster that was signed by whom its fleet allows, and the bytes that prove it. */
export interface SignedRoster {
  readonly roster: Roster
  readonly head: Head
  /** Of the whole, as it is kept and sent. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly charter: SignedCharter
}

interface SignedCharter {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly signature: Uint8Array<ArrayBuffer>
}

/** Of a full roster with the longest names, and room to spare. */
export const MAX_ROSTER_BYTES = 160 * 1024

/** What the owner of the fleet and the operators of a node sign with. */
export interface Signers {
  /** This node's own key, which counts where the charter names it. */
  readonly self: Signer
  /** Where the owner's key is here. */
  readonly owner: Signer | undefined
}

/**
 * Signs `roster`, by the owner where its key is here, else by this node. `charter` is the signed one that `roster` has;
 * without it, or where it differs, the owner signs a new one.
 *
 * @throws SkepError NOT_OPERATOR, NOT_OWNER
 */
export function signRoster(
  roster: Roster,
  { self, owner }: Signers,
  before?: Pick<SignedRoster, 'roster' | 'charter'>,
): SignedRoster {
  const charter =
    before?.roster.charter === roster.charter ? before.charter : signCharter(roster.charter, owner)
  if (!owner && !roster.charter.operators.includes(self.id))
    throw fleetError('NOT_OPERATOR', `this node, ${self.id}, may not change fleet '${roster.charter.name}'`)
  const body = wire.Roster.encode({
    charter: charter.bytes,
    charterSignature: charter.signature,
    version: BigInt(roster.version),
    members: [...roster.members]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([peer, { name, joinedMs }]) => ({ key: keyOf(peer), name, joinedMs: BigInt(joinedMs) })),
    removed: roster.removed.map(keyOf),
    edits: countsToWire(roster.edits),
  })
  const bytes = wire.SignedRoster.encode({
    roster: body,
    signer: owner ? new Uint8Array() : keyOf(self.id),
    signature: (owner ?? self).sign('roster', body),
  })
  return { roster, head: headOf(roster, body), bytes, charter }
}

function signCharter(
  { owner: id, term, name, operators, edits }: Charter,
  owner: Signer | undefined,
): SignedCharter {
  if (owner?.id !== id) throw fleetError('NOT_OWNER', `the key of the owner of fleet '${name}' is not here`)
  const bytes = wire.Charter.encode({
    owner: keyOf(id),
    term: BigInt(term),
    name,
    operators: operators.map(keyOf),
    edits: countsToWire(edits),
  })
  return { bytes, signature: owner.sign('charter', bytes) }
}

/**
 * Reads and checks what claims to be a roster. With `known`, one that counts no more than it is given back as undefined, before
 * a signature is looked at.
 *
 * @throws SkepError ROSTER_INVALID, FLEET_OTHER
 */
export function readRoster(given: Uint8Array, known?: Head): SignedRoster | undefined {
  if (given.byteLength > MAX_ROSTER_BYTES) throw invalid(`it has ${given.byteLength} bytes`)
  // It is kept for long, and might be part of something larger.
  const bytes = Uint8Array.from(given)
  try {
    return read(bytes, known)
  } catch (error) {
    throw isSkepError(error) ? error : invalid(messageOf(error), error)
  }
}

function read(bytes: Uint8Array<ArrayBuffer>, known: Head | undefined): SignedRoster | undefined {
  const envelope = wire.SignedRoster.decode(bytes)
  const body = wire.Roster.decode(envelope.roster, { limits: LIMITS })
  const charter = readCharter(body.charter)
  const version = counted(body.version)
  const head = { owner: charter.owner, term: charter.term, version, hash: hashOf(envelope.roster) }
  if (known && known.owner !== head.owner)
    throw fleetError('FLEET_OTHER', `it is of fleet '${charter.name}', ${head.owner}`)
  if (known && compareHeads(head, known) <= 0) return undefined
  const signedCharter = { bytes: body.charter, signature: body.charterSignature }
  if (!isSignedBy(charter.owner, 'charter', signedCharter))
    throw invalid('its owner did not sign its charter')
  const signer = envelope.signer.byteLength === 0 ? charter.owner : idOf(envelope.signer)
  if (signer !== charter.owner && !charter.operators.includes(signer))
    throw invalid(`${signer}, who signed it, is no operator`)
  if (!isSignedBy(signer, 'roster', { bytes: envelope.roster, signature: envelope.signature }))
    throw invalid(`${signer} did not sign it`)
  const roster: Roster = {
    charter,
    version,
    members: mapOf(body.members, ({ key, name, joinedMs }) => [
      idOf(key),
      { name: checkedName(name), joinedMs: safe(joinedMs) },
    ]),
    removed: body.removed.map(idOf),
    edits: countsOf(body.edits),
  }
  const lost = charter.operators.find(operator => !roster.members.has(operator))
  if (lost) throw invalid(`operator ${lost} is no member of it`)
  return { roster, head, bytes, charter: signedCharter }
}

const LIMITS = { members: MAX_MEMBERS, removed: MAX_REMOVED, edits: MAX_OPERATORS }

function readCharter(bytes: Uint8Array): Charter {
  const { owner, term, name, operators, edits } = wire.Charter.decode(bytes, {
    limits: { operators: MAX_OPERATORS, edits: MAX_OPERATORS },
  })
  const ids = operators.map(idOf)
  if (new Set(ids).size < ids.length) throw invalid('it names an operator twice')
  return {
    owner: idOf(owner),
    term: counted(term),
    name: checkedName(name),
    operators: ids,
    edits: countsOf(edits),
  }
}

function countsToWire(edits: ReadonlyMap<string, number>): wire.EditCount[] {
  return [...edits].map(([editor, count]) => ({ editor: keyOf(editor), count: BigInt(count) }))
}

function countsOf(edits: readonly wire.EditCount[]): Map<string, number> {
  return mapOf(edits, ({ editor, count }) => [idOf(editor), safe(count)])
}

function headOf({ charter, version }: Roster, body: Uint8Array): Head {
  return { owner: charter.owner, term: charter.term, version, hash: hashOf(body) }
}

function hashOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha256').update(bytes).digest())
}

function mapOf<T, V>(items: readonly T[], entry: (item: T) => readonly [string, V]): Map<string, V> {
  const map = new Map(items.map(entry))
  if (map.size < items.length) throw invalid('it names somebody twice')
  return map
}

function checkedName(name: string): string {
  if (!isName(name)) throw invalid('it has a name that is none')
  return name
}

/** Counts begin at 1. */
function counted(value: bigint): number {
  if (value === 0n) throw invalid('it counts from 0')
  return safe(value)
}

function safe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid(`${value} is too large`)
  return Number(value)
}

function invalid(why: string, cause?: unknown): Error {
  return fleetError('ROSTER_INVALID', `this is no roster: ${why}`, { cause })
}
