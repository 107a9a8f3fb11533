import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import t from 'tap'
import {
  formatInvite,
  isProved,
  MAX_INVITE_ADDRESSES,
  newSeed,
  parseInvite,
  prove,
  signerOf,
} from '../../../core/fleet/invite.ts'
import { judge, remainingMs } from '../../../core/fleet/open-invites.ts'
import { createParties } from './parties.ts'

const { owner, desk, kitchen, attic } = await createParties()
const INVITE = {
  seed: new Uint8Array(32).fill(7),
  owner: owner.id,
  fleet: 'home',
  host: desk.id,
  addresses: [multiaddr('/ip4/192.0.2.1/tcp/4001'), multiaddr('/ip6/2001:db8::1/tcp/4001')],
  expiresMs: 1_700_000_000_000,
}
/** As the first version wrote it. */
const TEXT =
  'skep-invite-qZPGBq3xPNomGPajJ3buHCB4AoLHekmjed8Z6rYQYTbhadM3rkcJ7xQdyM7gd5sqtkcy7j2xbgpkmyjtXTHiBHRotUxrKAmvG843aZwiHPhBcReNeXVZpf5yrqdtwVdtw7rMtpM4tDfMxm7SHQ9DsfHRPKQUepRSwsXqQfb39FWjrKCgSVKmL2CNCaDGydgjTM8NCup8'

t.test('what this version writes is as it was when it came out, and is read', async t => {
  t.equal(formatInvite(INVITE), TEXT)
  t.strictSame(parseInvite(`\n ${TEXT}\r\n`), INVITE)
})

t.test('it fits in a code that a camera reads', async t => {
  const long = multiaddr(`/dns6/${'n'.repeat(60)}/tcp/65535`)
  const text = formatInvite({ ...INVITE, fleet: 'n'.repeat(64), addresses: Array(20).fill(long) })
  t.equal(parseInvite(text).addresses.length, MAX_INVITE_ADDRESSES)
  t.ok(text.length < 1500, `${text.length} characters`)
})

t.test('any text is refused by name, and never quoted', async () => {
  const text = fc.oneof(
    fc.string({ maxLength: 300 }),
    fc.string({ maxLength: 300 }).map(rest => `skep-invite-${rest}`),
    fc.nat({ max: TEXT.length - 1 }).map(length => TEXT.slice(0, length)),
    fc.nat({ max: TEXT.length - 1 }).map(at => `${TEXT.slice(0, at)}0${TEXT.slice(at + 1)}`),
  )
  fc.assert(
    fc.property(text, text => {
      try {
        parseInvite(text)
        return false
      } catch (error) {
        const { code, message } = error as Error & { code: string }
        return code === 'INVITE_INVALID' && (text.length < 24 || !message.includes(text.slice(12, 24)))
      }
    }),
    { numRuns: 2000 },
  )
})

t.test('a proof is of all that it names', async t => {
  const signer = await signerOf({ seed: newSeed() })
  const claim = { owner: owner.id, host: desk.id, joiner: kitchen.id }
  const proof = prove(signer, claim)
  t.ok(isProved(signer.id, claim, proof))
  for (const part of ['owner', 'host', 'joiner'])
    t.notOk(isProved(signer.id, { ...claim, [part]: attic.id }, proof), part)
  t.notOk(isProved(attic.id, claim, proof))
  t.notOk(isProved(signer.id, claim, new Uint8Array(64)))
})

t.test('who comes in with an invite', async t => {
  const invite = { id: attic.id, createdMs: 1000, expiresMs: 2000, name: '' }
  t.equal(judge(undefined, kitchen.id), 'refused')
  t.equal(judge(invite, kitchen.id), 'welcome')
  t.equal(judge({ ...invite, usedBy: kitchen.id }, kitchen.id), 'again')
  t.equal(judge({ ...invite, usedBy: desk.id }, kitchen.id), 'refused')
  t.equal(remainingMs(invite, 1500), 500)
  t.equal(remainingMs(invite, 2000), 0)
  t.equal(remainingMs(invite, 0), 1000)
})
