import { X509Certificate } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import fc from 'fast-check'
import t from 'tap'
import { createCertificate, verifyCertificate } from '../../../core/network/tls-certificate.ts'

const key = await generateKeyPair('Ed25519')
const peer = peerIdFromPrivateKey(key)
const certificate = new X509Certificate((await createCertificate(key)).cert)

t.test('a certificate speaks for its peer', async t => {
  t.ok((await verifyCertificate(certificate.raw)).equals(peer))
  t.ok((await verifyCertificate(certificate.raw, peer)).equals(peer))
})

t.test('peers with other kinds of keys are known too', async t => {
  for (const other of [await generateKeyPair('secp256k1'), await generateKeyPair('RSA')]) {
    const { cert } = await createCertificate(other)
    const found = await verifyCertificate(new X509Certificate(cert).raw)
    t.ok(found.equals(peerIdFromPrivateKey(other)), other.type)
  }
})

t.test('valid for boards without a clock', async t => {
  t.equal(certificate.validFromDate.getTime(), Date.UTC(2000, 0, 1))
  t.equal(certificate.validToDate.getTime(), Date.UTC(4096, 0, 1))
})

t.test('another peer is refused', async t => {
  const other = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  await t.rejects(verifyCertificate(certificate.raw, other), { name: 'UnexpectedPeerError' })
})

t.test('a changed byte anywhere is refused', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: certificate.raw.byteLength - 1 }),
      fc.integer({ min: 1, max: 255 }),
      async (at, change) => {
        const changed = Buffer.from(certificate.raw)
        changed[at] = (changed[at] ?? 0) ^ change
        const found = await verifyCertificate(changed).catch((error: Error) => error)
        if (found instanceof Error)
          return ['InvalidCryptoExchangeError', 'UnexpectedPeerError'].includes(found.name)
        return false
      },
    ),
    { numRuns: 300 },
  )
})

t.test('arbitrary bytes are refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async bytes => {
      const found = await verifyCertificate(bytes).catch((error: Error) => error)
      return found instanceof Error && found.name === 'InvalidCryptoExchangeError'
    }),
  )
})
