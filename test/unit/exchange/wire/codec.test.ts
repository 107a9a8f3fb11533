import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import t from 'tap'
import { cidOf } from '../../../../core/content/hashes.ts'
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  MAX_BATCH,
  MAX_CID_BYTES,
  Mode,
  PROTOCOL,
  Status,
} from '../../../../plugins/exchange/wire/codec.ts'

/** sha2-256 of nothing, raw. */
const EMPTY = CID.parse('bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')
const EMPTY_HEX = '01551220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

const requests = {
  'a block': {
    message: { wants: [{ id: 1, cid: EMPTY, mode: Mode.BLOCK, sizeHint: 1_048_576 }], cancels: [] },
    hex: `0a2c08011224${EMPTY_HEX}20808040`,
  },
  'a block, with patience': {
    message: {
      wants: [{ id: 1, cid: EMPTY, mode: Mode.BLOCK, sizeHint: 1_048_576, patient: true }],
      cancels: [],
    },
    hex: `0a2e08011224${EMPTY_HEX}208080402801`,
  },
  'whether it has two, and no longer 3 and 300': {
    message: {
      wants: [
        { id: 2, cid: EMPTY, mode: Mode.HAVE, sizeHint: 0 },
        { id: 0xffff_ffff, cid: EMPTY, mode: Mode.HAVE, sizeHint: 0 },
      ],
      cancels: [3, 300],
    },
    hex: `0a2a08021224${EMPTY_HEX}18010a2e08ffffffff0f1224${EMPTY_HEX}1801100310ac02`,
  },
}

const replies = {
  'each status': {
    message: {
      answers: [
        { id: 1, status: Status.OK, length: 1_048_576 },
        { id: 2, status: Status.MISSING, length: 0 },
        { id: 3, status: Status.BUSY, length: 0 },
        { id: 300, status: Status.CANCELLED, length: 0 },
      ],
      haveUpdates: [],
    },
    hex: '0a06080118808040' + '0a0408021001' + '0a0408031002' + '0a0508ac021003',
  },
  'blocks it has by now': {
    message: { answers: [], haveUpdates: [EMPTY] },
    hex: `1224${EMPTY_HEX}`,
  },
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

t.test('golden bytes of /skep/blocks/1.0.0', async t => {
  for (const [name, { message, hex }] of Object.entries(requests)) {
    t.equal(hexOf(encodeRequest(message)), hex, `request: ${name}`)
    t.same(plain(decodeRequest(Buffer.from(hex, 'hex'))), plain(message))
  }
  for (const [name, { message, hex }] of Object.entries(replies)) {
    t.equal(hexOf(encodeReply(message)), hex, `reply: ${name}`)
    t.same(plain(decodeReply(Buffer.from(hex, 'hex'))), plain(message))
  }
})

/** CIDs as text, so that messages compare by value. */
function plain(message: object): unknown {
  return JSON.parse(JSON.stringify(message, (_, value) => CID.asCID(value)?.toString() ?? value))
}

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff })
const cid = fc.uint8Array({ maxLength: 64 }).map(bytes => cidOf(0x55, bytes))

t.test('what is encoded is decoded', async () => {
  const want = fc.record(
    {
      id: uint32,
      cid,
      mode: fc.constantFrom(Mode.BLOCK, Mode.HAVE),
      sizeHint: uint32,
      patient: fc.constant(true),
    },
    { requiredKeys: ['id', 'cid', 'mode', 'sizeHint'] },
  )
  const request = fc
    .record({ wants: fc.array(want), cancels: fc.array(uint32) })
    .filter(({ wants, cancels }) => wants.length + cancels.length > 0)
  fc.assert(fc.property(request, message => sameJson(decodeRequest(encodeRequest(message)), message)))
  const answer = fc.oneof(
    fc.record({ id: uint32, status: fc.constant(Status.OK), length: fc.integer({ min: 0, max: 2 ** 21 }) }),
    fc.record({
      id: uint32,
      status: fc.constantFrom(Status.MISSING, Status.BUSY, Status.CANCELLED),
      length: fc.constant(0),
    }),
  )
  const reply = fc
    .record({ answers: fc.array(answer), haveUpdates: fc.array(cid) })
    .filter(({ answers, haveUpdates }) => answers.length + haveUpdates.length > 0)
  fc.assert(fc.property(reply, message => sameJson(decodeReply(encodeReply(message)), message)))
})

function sameJson(a: object, b: object): boolean {
  return JSON.stringify(plain(a)) === JSON.stringify(plain(b))
}

t.test('a full message stays within the size limit', async t => {
  const longest = CID.createV1(0x3fff, {
    code: 0x13,
    size: 64,
    digest: new Uint8Array(64),
    bytes: new Uint8Array(66),
  })
  t.ok(longest.bytes.byteLength <= MAX_CID_BYTES)
  const wants = Array.from({ length: MAX_BATCH }, (_, index) => ({
    id: 0xffff_ffff - index,
    cid: longest,
    mode: Mode.HAVE,
    sizeHint: 2 ** 21,
  }))
  const cancels = wants.map(({ id }) => id)
  t.ok(encodeRequest({ wants, cancels }).byteLength <= PROTOCOL.maxMessageBytes)
  const answers = wants.map(({ id }) => ({ id, status: Status.OK, length: 2 ** 21 }))
  const haveUpdates = wants.map(want => want.cid)
  t.ok(encodeReply({ answers, haveUpdates }).byteLength <= PROTOCOL.maxMessageBytes)
})

t.test('a decoded CID keeps nothing but itself in memory', async t => {
  const message = encodeRequest({
    wants: [{ id: 1, cid: EMPTY, mode: Mode.BLOCK, sizeHint: 0 }],
    cancels: [],
  })
  const padded = Buffer.concat([message, Uint8Array.of(0x7a, 0xe8, 0x07), new Uint8Array(1000)])
  const [want] = decodeRequest(padded).wants
  t.equal(want?.cid.bytes.buffer.byteLength, EMPTY.bytes.byteLength)
})

t.test('limits are kept', async t => {
  const code = 'PROTOCOL_VIOLATION'
  t.throws(() => decodeRequest(new Uint8Array()), { code })
  t.throws(() => decodeReply(new Uint8Array()), { code })
  t.throws(() => decodeRequest(encodeRequest({ wants: [], cancels: Array(MAX_BATCH + 1).fill(1) })), { code })
  const answers = (length: number, status: Status = Status.OK, count = 1): Uint8Array =>
    encodeReply({ answers: Array(count).fill({ id: 1, status, length }), haveUpdates: [] })
  t.throws(() => decodeReply(answers(2 ** 21 + 1)), { code })
  t.throws(() => decodeReply(answers(1, Status.MISSING)), { code })
  t.throws(() => decodeReply(answers(1, Status.OK, MAX_BATCH + 1)), { code })
  t.throws(
    () => decodeReply(Buffer.from(`1254${'01'.repeat(84)}`, 'hex')),
    { code },
    'a CID that is too long',
  )
  t.throws(
    () => decodeRequest(Buffer.from(`0a2a08011224${EMPTY_HEX}1802`, 'hex')),
    { code },
    'a reserved mode',
  )
  t.throws(() => decodeReply(Buffer.from('0a0408011007', 'hex')), { code }, 'an unknown status')
})

t.test('arbitrary bytes are refused or understood, and never anything else', async () => {
  const golden = [...Object.values(requests), ...Object.values(replies)].map(({ hex }) =>
    Buffer.from(hex, 'hex'),
  )
  const mutated = fc
    .tuple(
      fc.constantFrom(...golden),
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }),
      fc.nat(200),
    )
    .map(([bytes, changes, cut]) => {
      const copy = Uint8Array.from(bytes)
      for (const [at, value] of changes) copy[at % copy.length] = value
      return copy.subarray(0, Math.max(1, cut))
    })
  const anything = fc.oneof(fc.uint8Array({ maxLength: 4096 }), mutated)
  fc.assert(
    fc.property(anything, bytes => {
      for (const decode of [decodeRequest, decodeReply]) {
        try {
          decode(bytes)
        } catch (error) {
          if ((error as { code?: string }).code !== 'PROTOCOL_VIOLATION') throw error
        }
      }
    }),
    { numRuns: 3000 },
  )
  // Groups within groups, as deep as a message allows: a decoder that recurses must fail, not fall.
  try {
    decodeRequest(new Uint8Array(PROTOCOL.maxMessageBytes).fill(0x7b))
  } catch (error) {
    if ((error as { code?: string }).code !== 'PROTOCOL_VIOLATION') throw error
  }
})
