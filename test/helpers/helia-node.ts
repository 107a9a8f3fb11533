import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { type UnixFS, unixfs } from '@helia/unixfs'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { multiaddr } from '@multiformats/multiaddr'
import { type BaseBlockstore, MemoryBlockstore } from 'blockstore-core'
import { createHeliaLight } from 'helia'

export interface HeliaNode {
  readonly id: string
  readonly address: string
  readonly files: UnixFS
  readonly blockstore: BaseBlockstore
  connect(address: string): Promise<void>
}

/** A real Helia on 127.0.0.1 that speaks Bitswap and nothing else, stopped when the test ends. */
export async function startHelia(
  t: { teardown(end: () => unknown): void },
  blockstore: BaseBlockstore = new MemoryBlockstore(),
): Promise<HeliaNode> {
  const helia = await withBitswap(
    withLibp2pLight(createHeliaLight({ blockstore }), {
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [tls(), noise()],
      streamMuxers: [yamux()],
      services: { identify: identify() },
    }),
  ).start()
  t.teardown(() => helia.stop())
  return {
    id: helia.libp2p.peerId.toString(),
    address: String(helia.libp2p.getMultiaddrs()[0]),
    files: unixfs(helia),
    blockstore,
    async connect(address) {
      await helia.libp2p.dial(multiaddr(address))
    },
  }
}
