import fc from 'fast-check'
import t from 'tap'
import { MAX_RECORD_BYTES, MAX_RECORDS, peersProtocol } from '../../../../plugins/discovery/wire/codec.ts'
import { Answer, Question } from '../../../../plugins/discovery/wire/peers.js'

const fixtures = {
  'a question with two records, for as many as a message takes': {
    message: { records: [Uint8Array.of(0xff), Uint8Array.of(1, 2, 3)], wanted: 32 },
    hex: '0a01ff0a030102031020',
  },
  'something new, and no question': { message: { records: [Uint8Array.of(7)], wanted: 0 }, hex: '0a0107' },
}

for (const [name, { message, hex }] of Object.entries(fixtures)) {
  t.test(`golden bytes: ${name}`, async t => {
    t.equal(Buffer.from(Question.encode(message)).toString('hex'), hex)
    const { records, wanted } = Question.decode(Buffer.from(hex, 'hex'))
    t.equal(wanted, message.wanted)
    t.same(
      records.map(bytes => [...bytes]),
      message.records.map(bytes => [...bytes]),
    )
  })
}

t.test('golden bytes: an answer', async t => {
  const answer = { records: [Uint8Array.of(1), Uint8Array.of(2, 3)] }
  t.equal(Buffer.from(Answer.encode(answer)).toString('hex'), '0a01010a020203')
  t.same(
    Answer.decode(Buffer.from('0a01010a020203', 'hex')).records.map(bytes => [...bytes]),
    [[1], [2, 3]],
  )
})

t.test('the fullest message is one that the protocol takes', async t => {
  const records = Array.from({ length: MAX_RECORDS }, () => new Uint8Array(MAX_RECORD_BYTES))
  const bytes = Question.encode({ records, wanted: 2 ** 32 - 1 })
  t.ok(bytes.byteLength <= peersProtocol.protocol.maxMessageBytes, `${bytes.byteLength}`)
})

t.test('any bytes are read or refused', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      try {
        const { records } = Question.decode(bytes, { limits: { records: MAX_RECORDS } })
        return records.length <= MAX_RECORDS
      } catch {
        return true
      }
    }),
  )
})
