import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Protocol } from '../../../core/api.ts'
import { KadMessage } from '../wire/kad.js'

/** https://github.com/libp2p/specs/blob/master/kad-dht/README.md#rpc-messages */
const ADD_PROVIDER = 2

/** Kademlia's protocol as we open streams of it. Inbound ones are @libp2p/kad-dht's, within limits of its own. */
export function kadProtocol(id: string): Protocol {
  return {
    id,
    maxMessageBytes: 64 * 1024,
    idleTimeoutMs: 10_000,
    maxStreamsPerPeer: 32,
    streamsPerSecond: 50,
    trust: 'anyone',
  }
}

/** Tells a node that `peer`, which has to be the sender, provides what `hash` names. There is no answer. */
export function encodeAddProvider(
  hash: Uint8Array,
  { peer, addresses }: { readonly peer: PeerId; readonly addresses: readonly Multiaddr[] },
): Uint8Array {
  const multiaddrs = addresses.map(({ bytes }) => new Uint8Array(bytes))
  return KadMessage.encode({
    type: ADD_PROVIDER,
    key: new Uint8Array(hash),
    providers: [{ id: new Uint8Array(peer.toMultihash().bytes), multiaddrs }],
  })
}
