import t from 'tap'
import { fleetLabel } from '../../../../core/fleet/names.ts'
import { serviceTags } from '../../../../plugins/discovery/mdns/service-tags.ts'

const OPEN = '_skep._udp.local'
const OWNER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
const label = fleetLabel(OWNER)
const OWN = `_skep-${label}._udp.local`

t.test('which names a node asks for and answers to', async t => {
  t.same(serviceTags(undefined, undefined), [OPEN])
  t.same(serviceTags(undefined, { label: undefined, isClosed: false }), [OPEN])
  t.same(serviceTags(undefined, { label, isClosed: false }), [OWN, OPEN])
  t.same(serviceTags(undefined, { label, isClosed: true }), [OWN])
  t.same(serviceTags(undefined, { label: undefined, isClosed: true }), [])
  t.same(
    serviceTags('_p2p._udp.local', { label, isClosed: true }),
    ['_p2p._udp.local'],
    'a user knows better',
  )
})

t.test('the label of a fleet is the same everywhere, and makes a valid name', async t => {
  // Boards of different versions have to find each other: this never changes.
  t.equal(label, 'fhzudqit3s')
  t.not(fleetLabel(`${OWNER}x`), label)
  t.match(OWN, /^_[a-z0-9-]{1,15}\._udp\.local$/, 'as long as DNS-SD takes it')
})
