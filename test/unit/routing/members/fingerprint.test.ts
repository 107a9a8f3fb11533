import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import {
  FINGERPRINT_BYTES,
  FingerprintKey,
  KEY_BYTES,
  packFingerprints,
  unpackFingerprints,
} from '../../../../plugins/routing/members/fingerprint.ts'
import { hashOf } from '../../../helpers/members-node.ts'

/** Of the reference: inputs 00, 00 01, …, of 0 to 15 bytes, under the key 00 01 … 07. */
const VECTORS = [
  '218d1f59b9b83cc8',
  'be552412f8387315',
  '064f39ef7c50eb57',
  'ce0f1a45f7060679',
  'd5e78a175be52ea1',
  'cb9d7c3f2f3db580',
  'ce3e91358aa2bc25',
  'ff202728b07bc684',
  'edfee820bce4858c',
  '5b51cccc13888307',
  '95b0469f06a6f2ee',
  'ae26333994ddcd48',
  '7bc71f9faef5c799',
  '5a2352d75a0c3744',
  '3bb1a870eae8e658',
  '217d0bcb4e81c902',
]

t.test('it is HalfSipHash-2-4 as others make it', async t => {
  const key = new FingerprintKey(Uint8Array.from({ length: KEY_BYTES }, (_, at) => at))
  VECTORS.forEach((expected, length) => {
    const { low, high } = key.hash(Uint8Array.from({ length }, (_, at) => at))
    const bytes = Buffer.alloc(8)
    bytes.writeUInt32LE(low, 0)
    bytes.writeUInt32LE(high, 4)
    t.equal(bytes.toString('hex'), expected, `${length} bytes`)
  })
})

t.test('a fingerprint is a number from 1 to 2^48 - 1, and another under another key', async t => {
  const [one, other] = [new FingerprintKey(randomBytes(8)), new FingerprintKey(randomBytes(8))]
  const seen = new Set<number>()
  for (let number = 0; number < 10_000; number++) {
    const fingerprint = one.of(hashOf(number))
    seen.add(fingerprint)
    if (fingerprint < 1 || fingerprint >= 2 ** 48 || !Number.isInteger(fingerprint)) t.fail(`${fingerprint}`)
    if (fingerprint === other.of(hashOf(number))) t.fail(`${number} has the same under both`)
  }
  t.equal(seen.size, 10_000)
})

t.test('packed fingerprints are what they were', async t => {
  const fingerprint = fc.bigInt({ min: 1n, max: 2n ** 48n - 1n }).map(Number)
  fc.assert(
    fc.property(fc.array(fingerprint), fingerprints => {
      const packed = packFingerprints(fingerprints)
      return (
        packed.length === fingerprints.length * FINGERPRINT_BYTES &&
        String([...unpackFingerprints(packed)]) === String(fingerprints)
      )
    }),
  )
  t.equal(Buffer.from(packFingerprints([0x0102030405])).toString('hex'), '050403020100', 'little-endian')
})
