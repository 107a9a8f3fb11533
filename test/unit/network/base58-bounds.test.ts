import { randomBytes } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromMultihash, peerIdFromString } from '@libp2p/peer-id'
import { CODE_P2P, multiaddr } from '@multiformats/multiaddr'
import { decode } from 'multiformats/hashes/digest'
import t from 'tap'
import { encode } from 'uint8-varint'
import { boundBase58 } from '../../../core/network/base58-bounds.ts'
import { framed } from '../../helpers/raw/bytes.ts'

/** An address that is nothing but a peer id of so many bytes. */
function addressOf(idBytes: number): Uint8Array {
  const id = Buffer.concat([encode(0), encode(idBytes), randomBytes(idBytes)])
  return Buffer.concat([encode(CODE_P2P), framed(id)])
}

t.test('a peer id that is none for its length is refused at once; others are as they were', async t => {
  boundBase58()
  boundBase58()
  for (const id of [
    '12D3KooWRFL2GTENvptZDaM4hamHKBhwqrhdfVxj6ZbtNQiMi5mQ',
    'QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN',
  ]) {
    const address = multiaddr(`/ip4/192.0.2.1/tcp/1/p2p/${id}/p2p-circuit`)
    t.equal(multiaddr(address.bytes).toString(), address.toString())
  }
  t.throws(() => multiaddr(addressOf(60_000)), RangeError)
  t.throws(() => multiaddr(`/p2p/1${'z'.repeat(60_000)}`), RangeError)
  t.throws(() => multiaddr(`/ipfs/1${'z'.repeat(60_000)}`), RangeError)
})

t.test('neither is a peer id that is no longer one with what follows its key', async t => {
  boundBase58()
  const { raw } = (await generateKeyPair('Ed25519')).publicKey
  const key = Buffer.concat([Buffer.of(8, 1, 18, 32), raw])
  const idOf = (bytes: Uint8Array) => peerIdFromMultihash(decode(Buffer.concat([encode(0), framed(bytes)])))
  const id = idOf(key)
  t.equal(peerIdFromString(id.toString()).toString(), id.toString())
  const padding = Buffer.concat([Buffer.of((15 << 3) | 2), framed(new Uint8Array(randomBytes(30_000)))])
  t.throws(() => idOf(Buffer.concat([key, padding])).toString(), RangeError)
  t.throws(() => peerIdFromString(`1${'z'.repeat(60_000)}`), RangeError)
})
