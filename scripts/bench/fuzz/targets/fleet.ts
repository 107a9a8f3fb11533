import fc from 'fast-check'
import { formatInvite, type Invite, parseInvite } from '../../../../core/fleet/invite.ts'
import { createSigner, type Signer } from '../../../../core/fleet/keys.ts'
import { foundRoster, type Roster } from '../../../../core/fleet/roster.ts'
import { readRoster, type SignedRoster, signRoster } from '../../../../core/fleet/signed-roster.ts'
import { decodeStored, encodeStored, type StoredFleet } from '../../../../core/fleet/stored-fleet.ts'
import * as wire from '../../../../core/fleet/wire/fleet.js'
import { type FuzzTarget, fuzzTarget, PROTOBUF_ERRORS } from '../target.ts'
import {
  addresses,
  KEYS,
  PEERS,
  partial,
  peers,
  record,
  safeIntegers,
  smallBytes,
  textOf,
  texts,
  textsOf,
  uint64s,
  utf8,
  wellFormed,
} from '../values.ts'

const [OWNER, SELF] = KEYS.map(createSigner) as [Signer, Signer, ...Signer[]]
const BOARDS = PEERS.slice(2)

const names = textsOf('abc-_ .äß€😀', { minLength: 1, maxLength: 12 })
/** As a number holds them: what is larger is only in a damaged record. */
function areExact({ edits, invites }: StoredFleet): boolean {
  const numbers = [
    ...edits.flatMap(({ count, edit }) => [count, edit.kind === 'add' ? edit.joinedMs : 0]),
    ...invites.flatMap(({ createdMs, expiresMs }) => [createdMs, expiresMs]),
  ]
  return numbers.every(Number.isSafeInteger)
}

const keys = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => Uint8Array.from(bytes))

const rosters: fc.Arbitrary<Roster> = record({
  name: names,
  members: fc.dictionary(fc.constantFrom(...BOARDS), record({ name: names, joinedMs: safeIntegers }), {
    maxKeys: 3,
  }),
  removed: fc.uniqueArray(peers, { maxLength: 3 }),
  version: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  term: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  edits: safeIntegers,
}).map(({ name, members, removed, version, term, edits }) => {
  const founder = { peer: SELF.id, name: 'desk', joinedMs: 1 }
  const { charter, ...roster } = foundRoster({ owner: OWNER.id, name }, founder)
  return {
    charter: { ...charter, term, edits: new Map([[SELF.id, edits]]) },
    version,
    members: new Map([...roster.members, ...Object.entries(members)]),
    removed,
    edits: new Map([[SELF.id, edits]]),
  }
})

function plainRoster({ charter, version, members, removed, edits }: Roster): unknown {
  return [
    { ...charter, edits: [...charter.edits] },
    version,
    [...members].sort(([one], [other]) => (one < other ? -1 : 1)),
    removed,
    [...edits],
  ]
}

/** Signs again what was damaged, so that it is read to its end: once in sixteen, as it takes time. */
function mendRoster(bytes: Uint8Array): Uint8Array {
  if (((bytes.at(-1) ?? 0) & 15) !== 0) return bytes
  try {
    const { roster, signer, signature } = wire.SignedRoster.decode(bytes)
    const body = wire.Roster.decode(roster)
    const charterSignature = OWNER.sign('charter', body.charter)
    const signed = wire.Roster.encode({ ...body, charterSignature })
    const isOwner = signer.byteLength === 0
    return wire.SignedRoster.encode({
      roster: signed,
      signer,
      signature: signature.byteLength === 0 ? signature : (isOwner ? OWNER : SELF).sign('roster', signed),
    })
  } catch {
    return bytes
  }
}

const heads = record({ owner: keys, term: uint64s, version: uint64s, hash: keys })

const edits = fc.oneof(
  record({ kind: fc.constant('add' as const), peer: peers, name: names, joinedMs: safeIntegers }),
  record({ kind: fc.constantFrom('remove' as const, 'delegate' as const, 'revoke' as const), peer: peers }),
)

const storedFleets: fc.Arbitrary<StoredFleet> = record({
  roster: smallBytes,
  edits: fc.array(record({ count: safeIntegers, edit: edits }), { maxLength: 3 }),
  invites: fc.array(
    partial(
      {
        id: peers,
        createdMs: safeIntegers,
        expiresMs: safeIntegers,
        name: texts,
        usedBy: peers,
        maker: peers,
      },
      ['id', 'createdMs', 'expiresMs', 'name'],
    ),
    { maxLength: 3 },
  ),
})

const invites: fc.Arbitrary<Invite> = record({
  seed: keys,
  owner: peers,
  host: peers,
  fleet: names,
  addresses: fc.array(addresses, { minLength: 1, maxLength: 1 }),
  expiresMs: safeIntegers,
})

export const FLEET_TARGETS: readonly FuzzTarget[] = [
  fuzzTarget<Roster, SignedRoster>({
    name: 'roster',
    covers: ['core/fleet/signed-roster.ts#readRoster', 'core/fleet/wire/fleet.proto#Charter'].concat(
      ['Roster', 'SignedRoster'].map(message => `core/fleet/wire/fleet.proto#${message}`),
    ),
    shape: 'protobuf',
    values: rosters,
    encode: roster => signRoster(roster, { self: SELF, owner: OWNER }).bytes,
    decode: bytes => readRoster(bytes),
    // What nobody signed does not come out, and ours is signed again.
    toValue: ({ roster }) => roster,
    meaningOf: plainRoster,
    mend: mendRoster,
    mayThrow: ['ROSTER_INVALID', 'FLEET_OTHER'],
  }),
  fuzzTarget<StoredFleet>({
    name: 'stored-fleet',
    covers: ['core/fleet/stored-fleet.ts#decodeStored', 'core/fleet/wire/fleet.proto#StoredFleet'],
    shape: 'protobuf',
    values: storedFleets,
    encode: encodeStored,
    decode: decodeStored,
    toValue: stored => (areExact(stored) ? stored : undefined),
    meaningOf: wellFormed,
    mayThrow: [...PROTOBUF_ERRORS, 'TypeError', 'InvalidPublicKeyError'],
  }),
  fuzzTarget<Invite>({
    name: 'invite',
    covers: ['core/fleet/invite.ts#parseInvite', 'core/fleet/wire/fleet.proto#InviteText'],
    shape: 'text',
    words: ['skep-invite-', 'z', '1', 'Z', '0', 'O'],
    values: invites,
    encode: invite => utf8(formatInvite(invite)),
    decode: bytes => parseInvite(textOf(bytes)),
    // Base58 takes the square of its length; longer ones are refused by that alone.
    maxInputBytes: 400,
    meaningOf: ({ addresses, ...invite }) =>
      wellFormed([addresses.map(String), Object.entries(invite).sort()]),
    mayThrow: ['INVITE_INVALID'],
  }),
  fuzzTarget<wire.FleetRequest>({
    name: 'fleet-request',
    covers: ['core/fleet/wire/fleet.proto#FleetRequest', 'core/fleet/wire/fleet.proto#RosterHead'],
    shape: 'protobuf',
    values: partial({ head: heads, roster: smallBytes, leaving: fc.boolean() }, ['roster', 'leaving']),
    encode: request => wire.FleetRequest.encode(request),
    decode: bytes => wire.FleetRequest.decode(bytes),
    mayThrow: PROTOBUF_ERRORS,
  }),
  fuzzTarget<wire.FleetResponse>({
    name: 'fleet-response',
    covers: ['core/fleet/wire/fleet.proto#FleetResponse'],
    shape: 'protobuf',
    values: partial({ head: heads, roster: smallBytes }, ['roster']),
    encode: response => wire.FleetResponse.encode(response),
    decode: bytes => wire.FleetResponse.decode(bytes),
    mayThrow: PROTOBUF_ERRORS,
  }),
  fuzzTarget<wire.JoinRequest>({
    name: 'join-request',
    covers: ['core/fleet/wire/fleet.proto#JoinRequest'],
    shape: 'protobuf',
    values: record({ invite: smallBytes, name: texts, proof: smallBytes }),
    encode: request => wire.JoinRequest.encode(request),
    decode: bytes => wire.JoinRequest.decode(bytes),
    meaningOf: wellFormed,
    mayThrow: PROTOBUF_ERRORS,
  }),
  fuzzTarget<wire.JoinResponse>({
    name: 'join-response',
    covers: ['core/fleet/wire/fleet.proto#JoinResponse'],
    shape: 'protobuf',
    values: record({ roster: smallBytes, refusal: texts }),
    encode: response => wire.JoinResponse.encode(response),
    decode: bytes => wire.JoinResponse.decode(bytes),
    meaningOf: wellFormed,
    mayThrow: PROTOBUF_ERRORS,
  }),
]
