/**
 * The cost of the work itself: blocks from one store on disk through one TLS 1.3 socket, SHA-256, to another store, synced.
 * The stores are the node's own. No libp2p, no wants, no pins: what is asked is sent in the order in which it was stored.
 */
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import type { AddressInfo, OnReadOpts, Socket } from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { create as createDigest } from 'multiformats/hashes/digest'
import { cidOf } from '../../../core/content/hashes.ts'
import { silentLogger } from '../../../core/logger.ts'
import { discard, freshBytes } from '../../../core/owned-bytes.ts'
import { openStorage } from '../../../core/storage/open.ts'
import { answerLines } from '../line-process.ts'
import { selfSignedCertificate } from './self-signed-certificate.ts'

const [directory] = process.argv.slice(2)
if (!directory) throw new Error('usage: lane.ts DIRECTORY')

const SHA2_256 = 0x12
const GIB = 1024 ** 3
const BLOCK_BYTES = 1024 * 1024
/** Length as an unsigned 32 bit number, then the SHA-256. */
const HEADER_BYTES = 4 + 32
const READ_AHEAD = Number(process.env.LANE_READ_AHEAD ?? 4)
const WRITES_IN_FLIGHT = Number(process.env.LANE_WRITES ?? 24)

const { blocks, close } = await openStorage(
  { directory, maxBytes: 64 * GIB, minFreeDiskBytes: 0, mapBytes: GIB },
  { log: silentLogger },
)
const cids: CID[] = []

function cidFrom(digest: Uint8Array): CID {
  return CID.createV1(raw.code, createDigest(SHA2_256, digest))
}

function headerOf(cid: CID, bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32LE(bytes.length)
  header.set(cid.multihash.digest, 4)
  return header
}

async function send(socket: TLSSocket): Promise<void> {
  const reads: Promise<Uint8Array>[] = []
  for (const [at, cid] of cids.entries()) {
    for (let ahead = at + reads.length; reads.length < READ_AHEAD && ahead < cids.length; ahead++)
      reads.push(blocks.get(cids[ahead] as CID))
    const bytes = (await reads.shift()) as Uint8Array
    if (process.env.LANE_CORK) socket.cork()
    socket.write(headerOf(cid, bytes))
    const more = socket.write(bytes, () => {
      if (!process.env.LANE_KEEP) discard(bytes)
    })
    if (process.env.LANE_CORK) socket.uncork()
    if (!more) await once(socket, 'drain')
  }
  socket.end()
}

class Receiver {
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #target: Uint8Array = this.#header
  #filled = 0
  #writes = new Set<Promise<void>>()
  bytes = 0
  socket: Socket | undefined

  get options(): OnReadOpts {
    return {
      buffer: () => this.#target.subarray(this.#filled),
      callback: read => this.#onRead(read),
    }
  }

  #onRead(read: number): boolean {
    this.#filled += read
    if (this.#filled < this.#target.length) return true
    this.#filled = 0
    if (this.#target === this.#header) {
      this.#target = freshBytes(this.#header.readUInt32LE())
      return true
    }
    const bytes = this.#target
    this.#target = this.#header
    this.#accept(bytes)
    return this.#writes.size < WRITES_IN_FLIGHT
  }

  #accept(bytes: Uint8Array): void {
    this.bytes += bytes.length
    const digest = hash('sha256', bytes, 'buffer')
    if (digest.compare(this.#header, 4) !== 0) throw new Error('wrong bytes')
    const write = blocks.put(cidFrom(digest), bytes).then(() => {
      discard(bytes)
      this.#writes.delete(write)
      if (this.#writes.size === WRITES_IN_FLIGHT - 1) this.socket?.resume()
    })
    this.#writes.add(write)
  }

  async settled(): Promise<void> {
    await Promise.all(this.#writes)
  }
}

await answerLines({
  async add({ path }: { path: string }) {
    await using file = await open(path)
    const writes: Promise<void>[] = []
    for (;;) {
      const bytes = freshBytes(BLOCK_BYTES)
      const { bytesRead } = await file.read(bytes)
      if (bytesRead === 0) break
      const cid = cidOf(raw.code, bytes.subarray(0, bytesRead))
      cids.push(cid)
      writes.push(blocks.put(cid, bytes.subarray(0, bytesRead)))
      if (writes.length === WRITES_IN_FLIGHT) await Promise.all(writes.splice(0))
    }
    await Promise.all(writes)
    return { blocks: cids.length }
  },
  async serve() {
    const certificate = await selfSignedCertificate()
    const server = createServer({ ...certificate, minVersion: 'TLSv1.3' }, socket => {
      send(socket).then(() => server.close(), console.error)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return { port: (server.address() as AddressInfo).port }
  },
  async fetch({ port }: { port: number }) {
    const receiver = new Receiver()
    const socket = connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      onread: receiver.options,
    } as never)
    receiver.socket = socket
    await once(socket, 'close')
    await receiver.settled()
    return { bytes: receiver.bytes }
  },
})
await close()
