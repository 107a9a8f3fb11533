import { randomBytes } from 'node:crypto'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { lpStream } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { encode } from 'uint8-varint'
import { KadMessage, KadPeer } from '../../../plugins/routing/wire/kad.js'
import { eventually } from '../../helpers/eventually.ts'
import { randomBlock } from '../../unit/exchange/fixture.ts'
import type { Attack } from './attack.ts'

const KAD = '/skep/kad/1.0.0'
const PEERS = 4000
const SEARCHES = 3
/** `skep_routing_dht_peers`: those of its table, however many it is told. */
const TABLE = 'skep_routing_dht_peers'
/** Field 8 of an answer, of bytes: https://github.com/libp2p/specs/blob/master/kad-dht/README.md#rpc-messages */
const CLOSER = Uint8Array.of((8 << 3) | 2)
const ADD_PROVIDER = 2
const LIMIT_MS = 10_000

/** A peer id of a key that nobody has. */
const identity = (): Uint8Array<ArrayBuffer> => Uint8Array.of(0, 36, 8, 1, 18, 32, ...randomBytes(32))

export const attack: Attack = {
  name: 'DHT answers',
  what: `Is a node of the DHT that answers whatever it is asked with ${PEERS.toLocaleString('en')} peers that are closer and that there are none of`,
  limit: '256 KiB an answer, of which 40 peers and 16 addresses each are taken',
  result: 'A search ends in its time; the node goes on meanwhile',
  verdict: { harmless: true },
  async run({ victim, stock, signal }) {
    const address = new Uint8Array(multiaddr('/ip4/127.9.9.9/tcp/9').bytes)
    const closer = Buffer.concat(
      Array.from({ length: PEERS }, () => {
        const bytes = KadPeer.encode({ id: identity(), multiaddrs: [address] })
        return Buffer.concat([CLOSER, encode(bytes.byteLength), bytes])
      }),
    )
    const liar = await stock({ services: { identify: identify(), ping: ping() } })
    let asked = 0
    await liar.handle(KAD, async stream => {
      const messages = lpStream(stream, { maxDataLength: 64 * 1024 })
      // Until the other side has had enough.
      for (;;) {
        const { type, key } = KadMessage.decode((await messages.read()).subarray())
        // What nobody answers: to do so is a fault of its own.
        if (type === ADD_PROVIDER) continue
        asked++
        await messages.write(Buffer.concat([KadMessage.encode({ type, key, providers: [] }), closer]))
      }
    })
    const known = (await victim.metrics()).get(TABLE) ?? Number.NaN
    await liar.dial(multiaddr(victim.address))
    await eventually('a place in its table', async () => {
      const now = (await victim.metrics()).get(TABLE) ?? Number.NaN
      return now > known || undefined
    })
    for (let searches = 0; searches < SEARCHES; searches++) {
      const startedMs = performance.now()
      await victim.client.operate({
        method: 'GET',
        path: `routing/providers/${randomBlock(32).cid}`,
        signal,
      })
      const tookMs = performance.now() - startedMs
      if (tookMs > LIMIT_MS) throw new Error(`a search took ${tookMs.toFixed(0)} ms`)
    }
    if (asked === 0) throw new Error('it was asked nothing, so there was no attack')
  },
}
