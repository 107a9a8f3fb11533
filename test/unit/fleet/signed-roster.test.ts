import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { idOf } from '../../../core/fleet/keys.ts'
import { isName } from '../../../core/fleet/names.ts'
import { type Edit, edited, MAX_MEMBERS, type Roster } from '../../../core/fleet/roster.ts'
import { MAX_ROSTER_BYTES, readRoster, signRoster } from '../../../core/fleet/signed-roster.ts'
import * as wire from '../../../core/fleet/wire/fleet.js'
import { createParties } from './parties.ts'

const { roster, signers, owner, desk, kitchen, attic } = await createParties()
const add = (peer: string, name: string): Edit => ({ kind: 'add', peer, name, joinedMs: 1_700_000_000_001 })
const three = edited(roster, [add(kitchen.id, 'kitchen'), add(attic.id, 'attic')], desk.id, 2)
const delegated = edited(three, [{ kind: 'delegate', peer: kitchen.id }], desk.id, 3)

const fixture = (name: string): Buffer => {
  const text = readFileSync(new URL(`../../fixtures/fleet/${name}.hex`, import.meta.url), 'utf8')
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
}

t.test('what this version signs is as it was when it came out', async t => {
  const { bytes } = signRoster(delegated, signers)
  const kept = fixture('v1-roster-counted')
  t.same(Buffer.from(bytes), kept)
  t.strictSame(readRoster(kept)?.roster, delegated)
  const { charter, ...rest } = delegated
  t.strictSame(
    readRoster(fixture('v1-roster'))?.roster,
    { ...rest, charter: { ...charter, edits: new Map() } },
    'before charters counted edits',
  )
})

t.test('whatever is signed is read', async () => {
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(idOf)
  const name = fc.string({ maxLength: 20, unit: 'binary' }).filter(isName)
  const edits = fc.array(
    fc.record({ kind: fc.constant('add' as const), peer: key, name, joinedMs: fc.nat() }),
    {
      maxLength: 8,
    },
  )
  fc.assert(
    fc.property(edits, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (edits, count) => {
      const next = edited(roster, edits, desk.id, count)
      const signed = signRoster(next, signers)
      const read = readRoster(signed.bytes)
      return (
        read !== undefined &&
        JSON.stringify(plain(read.roster)) === JSON.stringify(plain(next)) &&
        Buffer.compare(read.head.hash, signed.head.hash) === 0
      )
    }),
    { numRuns: 50 },
  )
})

/** Members in one order. */
const plain = ({ charter, members, edits, ...rest }: Roster) => ({
  ...rest,
  charter: { ...charter, edits: [...charter.edits] },
  members: [...members].sort(),
  edits: [...edits],
})

t.test(
  'any bytes are refused by name; a roster of which a byte is another is refused, or says the same',
  async t => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        try {
          readRoster(bytes)
          return false
        } catch (error) {
          return (error as { code?: string }).code === 'ROSTER_INVALID'
        }
      }),
      { numRuns: 2000 },
    )
    const { bytes, head } = signRoster(delegated, signers)
    const wrong: number[] = []
    let refused = 0
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      try {
        // Protobuf has several ways to write one message: what was signed is the same in each.
        if (Buffer.compare(readRoster(changed)?.head.hash ?? changed, head.hash) !== 0) wrong.push(at)
      } catch (error) {
        refused++
        if ((error as { code?: string }).code !== 'ROSTER_INVALID') wrong.push(at)
      }
    }
    t.same(wrong, [])
    t.ok(refused > bytes.length - 8, `${refused} of ${bytes.length} are refused`)
  },
)

t.test('who may sign', async t => {
  const signed = signRoster(delegated, signers)
  const more = edited(delegated, [{ kind: 'remove', peer: attic.id }], kitchen.id, 1)
  const byOperator = signRoster(more, { self: kitchen, owner: undefined }, signed)
  t.ok(readRoster(byOperator.bytes), 'an operator, under the charter that the owner signed')
  t.throws(() => signRoster(more, { self: attic, owner: undefined }, signed), { code: 'NOT_OPERATOR' })
  const charter = { ...more.charter, operators: [desk.id, kitchen.id, attic.id] }
  t.throws(
    () => signRoster({ ...more, charter }, { self: kitchen, owner: undefined }, signed),
    { code: 'NOT_OWNER' },
    'an operator makes no operators',
  )
  t.throws(() => signRoster(roster, { self: desk, owner: kitchen }), { code: 'NOT_OWNER' })
})

t.test('forgeries', async t => {
  const signed = signRoster(delegated, signers)
  const { roster: body } = wire.SignedRoster.decode(signed.bytes)
  const refused = (envelope: Partial<wire.SignedRoster>, what: RegExp) =>
    t.throws(() => readRoster(wire.SignedRoster.encode({ roster: body, ...envelope })), {
      code: 'ROSTER_INVALID',
      message: what,
    })
  const by = (signer: typeof attic, bytes = body) => Uint8Array.from(signer.sign('roster', bytes))
  refused({ signature: by(attic) }, /did not sign/)
  refused({ signature: Uint8Array.from(owner.sign('charter', body)) }, /did not sign/)
  refused({ signer: rawOf(attic.id), signature: by(attic) }, /no operator/)
  refused({ signer: new Uint8Array(3), signature: by(attic) }, /3 bytes/)

  // An operator that puts itself under a charter of its own making.
  const fields = wire.Roster.decode(body)
  const charter = wire.Charter.encode({
    ...wire.Charter.decode(fields.charter),
    operators: [rawOf(attic.id)],
  })
  const forged = wire.Roster.encode({ ...fields, charter })
  t.throws(
    () =>
      readRoster(
        wire.SignedRoster.encode({ roster: forged, signer: rawOf(attic.id), signature: by(attic, forged) }),
      ),
    { code: 'ROSTER_INVALID', message: /did not sign its charter/ },
  )
  const without = wire.Roster.encode({
    ...fields,
    members: fields.members.filter(({ name }) => name !== 'desk'),
  })
  t.throws(
    () =>
      readRoster(
        wire.SignedRoster.encode({
          roster: without,
          signer: rawOf(kitchen.id),
          signature: by(kitchen, without),
        }),
      ),
    { code: 'ROSTER_INVALID', message: /is no member/ },
    'an operator leaves no operator out',
  )
})

function rawOf(id: string): Uint8Array<ArrayBuffer> {
  const signer = [owner, desk, kitchen, attic].find(each => each.id === id)
  const { members } = wire.Roster.decode(wire.SignedRoster.decode(signRoster(three, signers).bytes).roster)
  const member = members.find(({ key }) => idOf(key) === signer?.id)
  if (!member) throw new Error(`${id} is no member`)
  return member.key
}

t.test('one that counts no more than the one that is there is not looked at further', async t => {
  const [older, newer] = [signRoster(roster, signers), signRoster(delegated, signers)]
  t.equal(readRoster(older.bytes, newer.head), undefined)
  t.equal(readRoster(newer.bytes, newer.head), undefined)
  t.ok(readRoster(newer.bytes, older.head))
  t.throws(() => readRoster(newer.bytes, { ...older.head, owner: attic.id }), { code: 'FLEET_OTHER' })
})

t.test('a full roster with the longest names fits', async t => {
  const edits = Array.from({ length: MAX_MEMBERS - 1 }, (_, at) => {
    const key = new Uint8Array(32)
    new DataView(key.buffer).setUint32(0, at)
    return add(idOf(key), 'n'.repeat(64))
  })
  const { bytes } = signRoster(edited(roster, edits, desk.id, 1), signers)
  t.ok(bytes.byteLength < MAX_ROSTER_BYTES * 0.8, `${bytes.byteLength} bytes`)
  t.equal(readRoster(bytes)?.roster.members.size, MAX_MEMBERS)
  t.throws(() => readRoster(new Uint8Array(MAX_ROSTER_BYTES + 1)), { code: 'ROSTER_INVALID' })
})
