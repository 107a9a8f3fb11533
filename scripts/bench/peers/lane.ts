/**
 * The cost of the work itself: blocks from one store on disk through one TLS 1.3 socket, SHA-256, to another store, synced.
 * The stores are the node's own. No libp2p, no wants, no pins: what was added last is sent in that order.
 */
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import type { AddressInfo, OnReadOpts } from 'node:net'
import { type ConnectionOptions, connect, createServer, type TLSSocket } from 'node:tls'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { create as createDigest } from 'multiformats/hashes/digest'
import { sha256 } from 'multiformats/hashes/sha2'
import { cidOf, verifyLargeBlock } from '../../../core/content/hashes.ts'
import { silentLogger } from '../../../core/logger.ts'
import { discard, freshBytes } from '../../../core/owned-bytes.ts'
import { openStorage } from '../../../core/storage/open.ts'
import { answerLines } from '../line-process.ts'
import { selfSignedCertificate } from './self-signed-certificate.ts'

const [directory] = process.argv.slice(2)
if (!directory) throw new Error('usage: lane.ts DIRECTORY')

const GIB = 1024 ** 3
const BLOCK_BYTES = 1024 * 1024
/** Length as an unsigned 32 bit number, then the SHA-256. */
const HEADER_BYTES = 4 + 32
const READ_AHEAD_BLOCKS = 4
const MAX_WRITES_IN_FLIGHT = 24

const { blocks, close } = await openStorage(
  { directory, maxBytes: 64 * GIB, minFreeDiskBytes: 0, mapBytes: GIB },
  { log: silentLogger },
)
const cids: CID[] = []

async function* readAhead(): AsyncGenerator<{ cid: CID; bytes: Uint8Array }> {
  const reads: { cid: CID; bytes: Promise<Uint8Array> }[] = []
  for (const cid of cids) {
    reads.push({ cid, bytes: blocks.get(cid) })
    if (reads.length < READ_AHEAD_BLOCKS) continue
    const next = reads.shift()
    if (next) yield { cid: next.cid, bytes: await next.bytes }
  }
  for (const { cid, bytes } of reads) yield { cid, bytes: await bytes }
}

async function send(socket: TLSSocket): Promise<void> {
  for await (const { cid, bytes } of readAhead()) {
    const header = Buffer.alloc(HEADER_BYTES)
    header.writeUInt32LE(bytes.length)
    header.set(cid.multihash.digest, 4)
    socket.write(header)
    if (!socket.write(bytes, () => discard(bytes))) await once(socket, 'drain')
  }
  socket.end()
}

/** Puts what arrives straight into the block it belongs to. */
class Receiver {
  readonly #onBlock: () => void
  readonly #header = new Uint8Array(HEADER_BYTES)
  readonly #writes = new Set<Promise<void>>()
  #target: Uint8Array = this.#header
  #filled = 0
  bytes = 0

  constructor(onBlock: () => void) {
    this.#onBlock = onBlock
  }

  readonly onread: OnReadOpts = {
    buffer: () => this.#target.subarray(this.#filled),
    callback: bytes => {
      this.#filled += bytes
      if (this.#filled === this.#target.length) this.#next()
      return true
    },
  }

  /** Resolves when no more than `limit` blocks are being written. */
  async drained(limit: number): Promise<void> {
    while (this.#writes.size > limit) await Promise.race(this.#writes)
  }

  get full(): boolean {
    return this.#writes.size >= MAX_WRITES_IN_FLIGHT
  }

  #next(): void {
    this.#filled = 0
    const isHeader = this.#target === this.#header
    if (!isHeader) this.#accept(this.#target)
    this.#target = isHeader ? freshBytes(new DataView(this.#header.buffer).getUint32(0, true)) : this.#header
  }

  #accept(bytes: Uint8Array): void {
    const cid = CID.createV1(raw.code, createDigest(sha256.code, this.#header.slice(4)))
    this.bytes += bytes.length
    const write = this.#keep(cid, bytes).finally(() => this.#writes.delete(write))
    this.#writes.add(write)
    this.#onBlock()
  }

  async #keep(cid: CID, bytes: Uint8Array): Promise<void> {
    if (!(await verifyLargeBlock(cid, bytes))) throw new Error('wrong bytes')
    await blocks.put(cid, bytes)
    discard(bytes)
  }
}

await answerLines({
  async add({ path }: { path: string }) {
    cids.length = 0
    await using file = await open(path)
    for (;;) {
      const bytes = freshBytes(BLOCK_BYTES)
      const { bytesRead } = await file.read(bytes)
      if (bytesRead === 0) break
      const block = bytes.subarray(0, bytesRead)
      const cid = cidOf(raw.code, block)
      await blocks.put(cid, block)
      cids.push(cid)
    }
    return { blocks: cids.length }
  },
  async serve() {
    const server = createServer({ ...(await selfSignedCertificate()), minVersion: 'TLSv1.3' }, socket => {
      send(socket).then(() => server.close(), console.error)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return { port: (server.address() as AddressInfo).port }
  },
  async fetch({ port }: { port: number }) {
    const receiver = new Receiver(() => {
      if (!receiver.full || socket.isPaused()) return
      socket.pause()
      receiver.drained(MAX_WRITES_IN_FLIGHT / 2).then(() => socket.resume(), console.error)
    })
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false, onread: receiver.onread }
    const socket = connect(options as ConnectionOptions)
    await once(socket, 'close')
    await receiver.drained(0)
    return { bytes: receiver.bytes }
  },
})
await close()
