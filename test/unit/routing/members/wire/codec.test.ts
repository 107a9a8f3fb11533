import fc from 'fast-check'
import t from 'tap'
import { isSkepError } from '../../../../../core/errors.ts'
import { packFingerprints } from '../../../../../plugins/routing/members/fingerprint.ts'
import {
  decodeSubscribe,
  decodeUpdate,
  encodeSubscribe,
  encodeUpdate,
  MAX_FINGERPRINTS,
  PROTOCOL,
  type SubscribeMessage,
  type UpdateMessage,
} from '../../../../../plugins/routing/members/wire/codec.ts'

const EPOCH = new Uint8Array(Buffer.from('0123456789abcdef', 'hex'))
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytesOf = (hex: string): Uint8Array => Buffer.from(hex, 'hex')
const nothing = new Uint8Array()

const subscriptions: Record<string, { message: SubscribeMessage; hex: string }> = {
  'all, up to 500,000': { message: { maxBlocks: 500_000 }, hex: '18a0c21e' },
  'what came after 7': {
    message: { known: { epoch: EPOCH, sequence: 7 }, maxBlocks: 100 },
    hex: '0a080123456789abcdef10071864',
  },
}

const updates: Record<string, { message: UpdateMessage; hex: string }> = {
  'a snapshot begins': {
    message: { kind: 'start', epoch: EPOCH, sequence: 3, snapshot: true, blocks: 2 },
    hex: '0a100a080123456789abcdef100318012002',
  },
  'it goes on': {
    message: { kind: 'start', epoch: EPOCH, sequence: 7, snapshot: false, blocks: 0 },
    hex: '0a0c0a080123456789abcdef1007',
  },
  'all of two blocks': {
    message: { kind: 'part', added: packFingerprints([1, 0xaabbccddeeff]), complete: true },
    hex: '1a0c010000000000ffeeddccbbaa2801',
  },
  'nothing more': { message: { kind: 'part', added: nothing, complete: true }, hex: '2801' },
  'one came and one went': {
    message: { kind: 'change', sequence: 8, added: packFingerprints([2]), removed: packFingerprints([1]) },
    hex: '10081a060200000000002206010000000000',
  },
}

t.test('golden bytes', async t => {
  for (const [name, { message, hex }] of Object.entries(subscriptions)) {
    t.equal(hexOf(encodeSubscribe(message)), hex, name)
    t.same(decodeSubscribe(bytesOf(hex)), message, name)
  }
  for (const [name, { message, hex }] of Object.entries(updates)) {
    t.equal(hexOf(encodeUpdate(message)), hex, name)
    t.equal(hexOf(encodeUpdate(decodeUpdate(bytesOf(hex)))), hex, name)
    t.equal(decodeUpdate(bytesOf(hex)).kind, message.kind)
  }
})

t.test('what makes no sense is refused', async t => {
  const full = packFingerprints(Array.from({ length: MAX_FINGERPRINTS }, (_, at) => at + 1))
  const encoded = encodeUpdate({ kind: 'change', sequence: 2 ** 32 - 1, added: full, removed: nothing })
  t.equal(decodeUpdate(encoded).kind, 'change', 'a full one is none of them')
  t.ok(encoded.length <= PROTOCOL.maxMessageBytes, 'and fits')
  const cases: Record<string, Uint8Array> = {
    nothing: nothing,
    'an empty change': bytesOf('1008'),
    'half a fingerprint': bytesOf('1a03010000'),
    'a short epoch': bytesOf('0a060a0401234567'),
    'no epoch': bytesOf('0a021007'),
    'a start with more': bytesOf(`${updates['a snapshot begins']?.hex}1a06010000000000`),
    'a change that completes': bytesOf('10081a060200000000002801'),
    'a part that removes': bytesOf('2206010000000000'),
    'too many': encodeUpdate({ kind: 'change', sequence: 1, added: full, removed: packFingerprints([1]) }),
    'no message': bytesOf('0a05'),
  }
  for (const [name, bytes] of Object.entries(cases))
    t.throws(() => decodeUpdate(bytes), { code: 'INDEX_VIOLATION' }, name)
  t.throws(() => decodeSubscribe(bytesOf('0a04012345671007')), { code: 'INDEX_VIOLATION' }, 'a short epoch')
})

t.test('any bytes are a message or refused', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
      for (const decode of [decodeSubscribe, decodeUpdate]) {
        try {
          decode(bytes)
        } catch (error) {
          if (!isSkepError(error, 'INDEX_VIOLATION')) return false
        }
      }
      return true
    }),
    { numRuns: 2000 },
  )
})
