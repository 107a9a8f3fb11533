/**
 * Helia as a bench peer: blocks in a directory (blockstore-fs), Bitswap over TCP.
 *
 * Its best reasonable settings: TLS rather than Noise (faster here), only the services Bitswap needs, the same UnixFS
 * profile as ours. It doesn't fsync what it stores.
 */
import { createReadStream } from 'node:fs'
import { yamux } from '@chainsafe/libp2p-yamux'
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { unixfs } from '@helia/unixfs'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { multiaddr } from '@multiformats/multiaddr'
import { FsBlockstore } from 'blockstore-fs'
import { LevelDatastore } from 'datastore-level'
import { createHeliaLight } from 'helia'
import { CID } from 'multiformats/cid'
import { answerLines } from '../line-process.ts'

const [directory] = process.argv.slice(2)
if (!directory) throw new Error('usage: helia.ts DIRECTORY')

const datastore = new LevelDatastore(`${directory}/data`)
await datastore.open()
const helia = await withBitswap(
  withLibp2pLight(createHeliaLight({ blockstore: new FsBlockstore(`${directory}/blocks`), datastore }), {
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [tls()],
    streamMuxers: [yamux()],
    services: { identify: identify() },
  }),
).start()
const files = unixfs(helia)

await answerLines({
  async address() {
    return { address: String(helia.libp2p.getMultiaddrs()[0]) }
  },
  async add({ path }: { path: string }) {
    const cid = await files.addByteStream(createReadStream(path), { profile: 'unixfs-v1-2025' })
    return { cid: cid.toString() }
  },
  async connect({ address }: { address: string }) {
    await helia.libp2p.dial(multiaddr(address))
    return {}
  },
  async fetch({ cid }: { cid: string }) {
    let bytes = 0
    for await (const chunk of files.cat(CID.parse(cid))) bytes += chunk.byteLength
    return { bytes }
  },
})
await helia.stop()
