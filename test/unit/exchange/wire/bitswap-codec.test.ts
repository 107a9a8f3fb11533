import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import t from 'tap'
import { cidOf } from '../../../../core/content/hashes.ts'
import {
  type BitswapEntry,
  decodeBitswap,
  encodeBitswap,
  encodeBlockHead,
  MAX_BLOCKS,
  MAX_CID_BYTES,
  MAX_ENTRIES,
  MAX_PRESENCES,
  WantType,
} from '../../../../plugins/exchange/wire/bitswap-codec.ts'

/** sha2-256 of nothing, raw; and a CIDv0. */
const EMPTY = CID.parse('bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')
const EMPTY_HEX = '01551220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const V0 = CID.parse('QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH')
const V0_HEX = '1220bfccda787baba32b59c78450ac3d20b633360b43992c77289f9ed46d843561e6'

const ENTRY = `0a280a24${EMPTY_HEX}1001`

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const entry = (more: Partial<BitswapEntry> = {}): BitswapEntry => {
  return { cid: EMPTY, priority: 1, cancel: false, type: WantType.BLOCK, sendDontHave: false, ...more }
}

const golden: Record<string, { message: Parameters<typeof encodeBitswap>[0]; hex: string }> = {
  'the block, and whether it has the other': {
    message: {
      entries: [entry(), entry({ cid: V0, type: WantType.HAVE, sendDontHave: true, priority: 300 })],
      full: true,
    },
    hex: `0a59${ENTRY}0a2b0a22${V0_HEX}10ac02200128011001`,
  },
  'a cancel': {
    message: { entries: [entry({ cancel: true, priority: 0 })] },
    hex: `0a2a0a280a24${EMPTY_HEX}1801`,
  },
  'two blocks': {
    message: {
      blocks: [
        { cid: EMPTY, data: Buffer.from('honey') },
        { cid: V0, data: Buffer.from('bee') },
      ],
    },
    hex: '1a0d0a04015512201205686f6e65791a0b0a04007012201203626565',
  },
  'that it has the one and not the other': {
    message: {
      presences: [
        { cid: EMPTY, held: true },
        { cid: V0, held: false },
      ],
    },
    hex: `2226${`0a24${EMPTY_HEX}`}2226${`0a22${V0_HEX}1001`}`,
  },
}

t.test('golden bytes of /ipfs/bitswap/1.2.0', async t => {
  for (const [name, { message, hex }] of Object.entries(golden)) {
    t.equal(hexOf(encodeBitswap(message)), hex, name)
    const { entries, full, blocks, presences } = decodeBitswap(Buffer.from(hex, 'hex'))
    t.equal(full, message.full ?? false)
    t.same(entries.map(plain), (message.entries ?? []).map(plain))
    t.same(presences.map(plain), (message.presences ?? []).map(plain))
    t.same(
      blocks.map(({ data }) => hexOf(data)),
      (message.blocks ?? []).map(({ data }) => hexOf(data)),
    )
  }
})

t.test('a message whose block follows is the same message', async t => {
  for (const bytes of [1, 127, 128, 200 * 1024, 2 * 1024 * 1024]) {
    const data = randomBytes(bytes)
    for (const cid of [cidOf(0x55, data), V0]) {
      const joined = Buffer.concat([encodeBlockHead(cid, bytes), data])
      t.ok(joined.equals(encodeBitswap({ blocks: [{ cid, data }] })), `${bytes} bytes`)
    }
  }
})

t.test('what Helia and Kubo may add is no fault', async t => {
  const pendingBytes = '28c09a0c'
  const oldBlocks = '1203626565'
  const { blocks } = decodeBitswap(Buffer.from(pendingBytes + oldBlocks, 'hex'))
  t.same(blocks, [])
  t.same(decodeBitswap(new Uint8Array()).entries, [], 'not even an empty message')
  const negative = decodeBitswap(encodeBitswap({ entries: [entry({ priority: -5 })] }))
  t.equal(negative.entries[0]?.priority, -5)
})

t.test('what passes a bound is refused', async t => {
  const cases: Record<string, Uint8Array> = {
    'a CID that is too long': message(0x0a, message(0x0a, message(0x0a, new Uint8Array(MAX_CID_BYTES + 1)))),
    'no CID': message(0x0a, message(0x0a, message(0x0a, Uint8Array.of(9, 9)))),
    'an unknown want type': message(
      0x0a,
      message(0x0a, Buffer.concat([message(0x0a, EMPTY.bytes), Buffer.from('2007', 'hex')])),
    ),
    'a prefix that ends early': message(0x1a, message(0x0a, Uint8Array.of(1, 0x55, 0x12))),
    'a prefix that goes on': message(0x1a, message(0x0a, Uint8Array.of(1, 0x55, 0x12, 0x20, 0))),
    'a prefix of a CID to come': message(0x1a, message(0x0a, Uint8Array.of(2, 0x55, 0x12, 0x20))),
    'a long prefix': message(0x1a, message(0x0a, new Uint8Array(37).fill(0x80))),
    'a block that is too large': Buffer.concat([
      encodeBlockHead(EMPTY, 2 * 1024 * 1024 + 1),
      Buffer.alloc(2 * 1024 * 1024 + 1),
    ]),
    'too many wants': encodeBitswap({ entries: Array.from({ length: MAX_ENTRIES + 1 }, () => entry()) }),
    'too many presences': encodeBitswap({
      presences: Array.from({ length: MAX_PRESENCES + 1 }, () => ({ cid: EMPTY, held: true })),
    }),
    'too many blocks': encodeBitswap({
      blocks: Array.from({ length: MAX_BLOCKS + 1 }, () => ({ cid: EMPTY, data: Uint8Array.of(1) })),
    }),
    'half a field': Uint8Array.of(0x0a, 0x05, 1),
  }
  for (const [name, bytes] of Object.entries(cases))
    t.throws(() => decodeBitswap(bytes), { code: 'PROTOCOL_VIOLATION' }, name)
})

const cid = fc.uint8Array({ maxLength: 64 }).map(bytes => cidOf(0x55, bytes))
const entries = fc.array(
  fc.record({
    cid,
    priority: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    cancel: fc.boolean(),
    type: fc.constantFrom(WantType.BLOCK, WantType.HAVE),
    sendDontHave: fc.boolean(),
  }),
)
const presences = fc.array(fc.record({ cid, held: fc.boolean() }))

t.test('what is encoded is decoded', async () => {
  fc.assert(
    fc.property(entries, fc.boolean(), presences, (entries, full, presences) => {
      const got = decodeBitswap(encodeBitswap({ entries, full, presences }))
      const same = (a: readonly object[], b: readonly object[]): boolean =>
        JSON.stringify(a.map(plain)) === JSON.stringify(b.map(plain))
      return got.full === full && same(got.entries, entries) && same(got.presences, presences)
    }),
  )
})

t.test('any bytes are decoded or refused', async () => {
  const real = fc
    .tuple(entries, presences, fc.uint8Array({ maxLength: 4 }), fc.nat())
    .map(([entries, presences, noise, at]) => {
      const bytes = Buffer.from(encodeBitswap({ entries, presences, full: true }))
      bytes.set(
        noise,
        Math.min(at % (bytes.byteLength + 1), Math.max(0, bytes.byteLength - noise.byteLength)),
      )
      return new Uint8Array(bytes)
    })
    .filter(bytes => bytes.byteLength > 4)
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), real), bytes => {
      try {
        decodeBitswap(bytes)
      } catch (error) {
        return (error as { code?: string }).code === 'PROTOCOL_VIOLATION'
      }
      return true
    }),
  )
})

function message(tag: number, bytes: Uint8Array): Uint8Array {
  const length =
    bytes.byteLength < 128 ? [bytes.byteLength] : [(bytes.byteLength & 127) | 128, bytes.byteLength >> 7]
  return Buffer.concat([Uint8Array.of(tag, ...length), bytes])
}

/** With the CID as text and the keys in order, so that messages compare by value. */
function plain(part: object): object {
  const text = Object.entries(part).map(([key, value]) => [key, CID.asCID(value)?.toString() ?? value])
  return Object.fromEntries(text.toSorted(([a], [b]) => String(a).localeCompare(String(b))))
}
