import { randomBytes } from 'node:crypto'
import { CODE_P2P, multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { encode } from 'uint8-varint'
import { boundPeerIds } from '../../../core/network/peer-id-bounds.ts'
import { framed } from '../../helpers/raw/bytes.ts'

/** An address that is nothing but a peer id of so many bytes. */
function addressOf(idBytes: number): Uint8Array {
  const id = Buffer.concat([encode(0), encode(idBytes), randomBytes(idBytes)])
  return Buffer.concat([encode(CODE_P2P), framed(id)])
}

t.test('a peer id that is none for its length is refused at once; others are as they were', async t => {
  boundPeerIds()
  boundPeerIds()
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
