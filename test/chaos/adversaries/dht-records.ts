import { randomBytes } from 'node:crypto'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { encodeAddProvider } from '../../../plugins/routing/dht/add-provider.ts'
import { KadMessage } from '../../../plugins/routing/wire/kad.js'
import { eventually } from '../../helpers/eventually.ts'
import type { Attack } from './attack.ts'
import { rawOffender } from './raw-offender.ts'

const KAD = '/skep/kad/1.0.0'
const RECORDS = 'skep_routing_dht_records'
/** https://github.com/libp2p/specs/blob/master/kad-dht/README.md#rpc-messages */
const PUT_VALUE = 0
/** Of one peer: an eighth of all that are kept. */
const MAX_RECORDS = 1000
export const DHT_RECORDS = ['--set', `plugins.routing.dht.maxRecords=${MAX_RECORDS}`]
const PEER_SHARE = MAX_RECORDS / 8
/** Several times its share, within the 64 KiB that it may say at once. */
const SENT = 400

export const attack: Attack = {
  name: 'DHT records',
  what: `Says of ${SENT} hashes that it provides them, and of others that somebody else does, and stores values`,
  limit:
    'A peer says of itself alone what it provides; an eighth of `plugins.routing.dht.maxRecords` for one; no values',
  result: 'The records of others stay',
  verdict: { harmless: true },
  async run(arena) {
    const kept = async (): Promise<number> => (await arena.victim.metrics()).get(RECORDS) ?? Number.NaN
    const before = await kept()
    const hash = (): Uint8Array => Buffer.concat([Buffer.of(0x12, 32), randomBytes(32)])
    const addresses = [multiaddr('/ip4/127.9.9.9/tcp/9')]
    const offender = await rawOffender(arena)
    const stream = offender.muxer.open()
    await stream.speak(KAD)
    const peer = peerIdFromPrivateKey(offender.key)
    for (let at = 0; at < SENT; at++) stream.say(encodeAddProvider(hash(), { peer, addresses }))
    const full = await eventually('its share to be full', async () => {
      const now = await kept()
      return now >= before + PEER_SHARE ? now : undefined
    })

    const liar = await rawOffender(arena)
    const lies = liar.muxer.open()
    await lies.speak(KAD)
    for (let at = 0; at < PEER_SHARE; at++) {
      lies.say(encodeAddProvider(hash(), { peer, addresses }))
      lies.say(KadMessage.encode({ type: PUT_VALUE, key: new Uint8Array(hash()), providers: [] }))
    }
    // What is answered after them tells that they were read.
    const asks = await rawOffender(arena)
    const question = asks.muxer.open()
    await question.speak(KAD)
    question.say(KadMessage.encode({ type: 4, key: new Uint8Array(hash()), providers: [] }))
    await question.takeMessage()
    const after = await kept()
    if (after !== full || after > before + PEER_SHARE)
      throw new Error(`${after - before} records are kept, ${PEER_SHARE} may be`)
  },
}
