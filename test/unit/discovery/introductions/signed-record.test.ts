import assert from 'node:assert/strict'
import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import t from 'tap'
import { isSkepError } from '../../../../core/errors.ts'
import { OwnRecord } from '../../../../plugins/discovery/introductions/own-record.ts'
import { distanceOf, scopeOf } from '../../../../plugins/discovery/introductions/scope.ts'
import { openRecord, sealRecord } from '../../../../plugins/discovery/introductions/signed-record.ts'

const privateKey = await generateKeyPair('Ed25519')
const peer = peerIdFromPrivateKey(privateKey)
const addresses = ['/ip4/127.0.0.1/tcp/1', '/ip4/192.168.1.7/tcp/1', '/ip4/1.2.3.4/tcp/1'].map(text =>
  multiaddr(text),
)
const texts = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value)
const always = (): boolean => true

t.test('a record says who is where, in words of its own', async t => {
  const { bytes } = await sealRecord(peer, 7n, addresses.slice(1), privateKey)
  const record = await openRecord(bytes, always)
  t.match(record, { sequence: 7n, scope: 'private' })
  t.ok(record?.peer.equals(peer))
  t.same(record?.addresses.map(String), addresses.slice(1).map(String))
})

t.test('golden bytes: sequence 3001 at /ip4/192.168.1.7/tcp/4001, by the key of 32 bytes 7', async t => {
  const key = await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(7))
  const hex =
    '0a2408011220ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c120203011a370a26002408011220ea4a6c63' +
    'e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c10b9171a0a0a0804c0a80107060fa12a40c11f3a990a22ee14fc52cc' +
    '8aa5bf7dde8287c2546ad743bdf83be9cdd70f2cf4dde4232933d1b8622cc4f47750423e08695cb2f00073db546bda4d0eee6f040e'
  const sealed = await sealRecord(
    peerIdFromPrivateKey(key),
    3001n,
    [multiaddr('/ip4/192.168.1.7/tcp/4001')],
    key,
  )
  t.equal(Buffer.from(sealed.bytes).toString('hex'), hex)
  const record = await openRecord(Buffer.from(hex, 'hex'), always)
  t.equal(record?.peer.toString(), '12D3KooWRawPbxPtP1eZaJpumGnyWX2DcUyd3RQnydr3eAto4Az7')
})

t.test('no byte of what a record says can be changed', async t => {
  const { bytes, ...content } = await sealRecord(peer, 7n, addresses, privateKey)
  let refused = 0
  for (let at = 0; at < bytes.byteLength; at++) {
    const changed = Uint8Array.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 1
    try {
      // The wire type of a field is one that protobuf does not look at.
      const { bytes: _, ...read } = (await openRecord(changed, always)) ?? {}
      assert.deepEqual(JSON.stringify(read, texts), JSON.stringify(content, texts), `byte ${at}`)
    } catch (error) {
      if (!isSkepError(error, 'PEER_RECORD_INVALID')) throw error
      refused += 1
    }
  }
  t.ok(refused > bytes.byteLength - 10, `${refused} of ${bytes.byteLength}`)
})

t.test('nobody speaks for another', async t => {
  const other = await generateKeyPair('Ed25519')
  const { bytes } = await sealRecord(peer, 7n, addresses, other)
  await t.rejects(openRecord(bytes, always), { code: 'PEER_RECORD_INVALID' })
})

t.test('limits: bytes and addresses', async t => {
  const many = Array.from({ length: 17 }, (_, at) => multiaddr(`/ip4/10.0.0.${at}/tcp/1`))
  const record = new PeerRecord({ peerId: peer, seqNumber: 1n, multiaddrs: many })
  const envelope = await RecordEnvelope.seal(record, privateKey)
  await t.rejects(openRecord(envelope.marshal(), always), { code: 'PEER_RECORD_INVALID' })
  await t.rejects(openRecord(new Uint8Array(2049), always), { code: 'PEER_RECORD_INVALID' })
  t.equal((await sealRecord(peer, 1n, many, privateKey)).addresses.length, 16)
})

t.test('what nobody wants is not checked', async t => {
  const { bytes } = await sealRecord(peer, 7n, addresses, await generateKeyPair('Ed25519'))
  t.equal(await openRecord(bytes, (_, sequence) => sequence > 7n), undefined)
})

t.test('how far addresses reach, and how near peers are', async t => {
  const relay = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
  t.same(addresses.map(scopeOf), ['machine', 'private', 'public'])
  const relayed = multiaddr(`/ip4/10.0.0.1/tcp/1/p2p/${relay}/p2p-circuit`)
  t.equal(scopeOf(relayed), 'private', 'the relay has to be reached')
  t.same([...addresses, relayed].map(distanceOf), ['machine', 'private', 'public', 'public'])
})

t.test('a node says more to those near, and that counts as newer', async t => {
  const own = new OwnRecord({ self: peer, privateKey, clock: () => 1000 })
  t.equal(await own.update(addresses.map(address => address.encapsulate(`/p2p/${peer}`))), true)
  const told = (['public', 'private', 'machine'] as const).map(scope => own.for(scope))
  t.same(
    told.map(record => record?.addresses.length),
    [1, 2, 3],
  )
  t.same(
    told.map(record => record?.sequence),
    [3000n, 3001n, 3002n],
  )
  t.equal(await own.update([...addresses].reverse()), false, 'the same addresses are no news')
  await own.update(addresses.slice(0, 1))
  t.equal(own.for('public'), undefined, 'there is nothing to tell')
  t.equal(own.for('machine')?.sequence, 3005n, 'newer, though the clock stands')
})

t.test('a node whose clock went back outdoes what it said before', async t => {
  const own = new OwnRecord({ self: peer, privateKey, clock: () => 1000 })
  await own.update(addresses)
  t.equal(await own.outdo(3002n), false)
  t.equal(own.isOutdoneBy(900_001n), true)
  t.equal(await own.outdo(900_001n), true)
  t.ok((own.for('public')?.sequence ?? 0n) > 900_001n)
})
