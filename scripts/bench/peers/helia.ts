/**
 * Helia as a bench peer: blocks in a directory (blockstore-fs), Bitswap over TCP.
 *
 * Its best reasonable settings: TLS rather than Noise (faster here), only the services Bitswap needs, the same UnixFS
 * profile as ours. It doesn't fsync what it stores.
 */
import { createReadStream } from 'node:fs'
import { basename, dirname } from 'node:path'
import { yamux } from '@chainsafe/libp2p-yamux'
import { withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { globSource, unixfs } from '@helia/unixfs'
import * as dagPb from '@ipld/dag-pb'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { multiaddr } from '@multiformats/multiaddr'
import { FsBlockstore } from 'blockstore-fs'
import { LevelDatastore } from 'datastore-level'
import { createHeliaLight } from 'helia'
import { CID } from 'multiformats/cid'
import { answerLines } from '../line-process.ts'

/** Four times as many and a quarter of them are slower. Helia's own pin walk takes one at a time, and a tenth of the speed. */
const BLOCKS_AT_A_TIME = 256

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
  async addTree({ path }: { path: string }) {
    const candidates = globSource(dirname(path), `${basename(path)}/**/*`)
    let root: CID | undefined
    for await (const { cid } of files.addAll(candidates, { profile: 'unixfs-v1-2025' })) root = cid
    return { cid: String(root) }
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
  async pin({ cid }: { cid: string }) {
    for await (const _ of helia.pins.add(CID.parse(cid)));
    return {}
  },
  async fetchTree({ cid }: { cid: string }) {
    let waiting = [CID.parse(cid)]
    while (waiting.length > 0) {
      const level = waiting
      waiting = []
      const next = level.values()
      const fetchAll = async (): Promise<void> => {
        for (const block of next) waiting.push(...linksOf(block, await bytesOf(helia.blockstore.get(block))))
      }
      await Promise.all(Array.from({ length: BLOCKS_AT_A_TIME }, fetchAll))
    }
    return {}
  },
})
await helia.stop()

function linksOf(cid: CID, block: Uint8Array): CID[] {
  return cid.code === dagPb.code ? dagPb.decode(block).Links.map(({ Hash }) => Hash) : []
}

async function bytesOf(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Uint8Array> {
  const bytes: Uint8Array[] = []
  for await (const chunk of chunks) bytes.push(chunk)
  return Buffer.concat(bytes)
}
