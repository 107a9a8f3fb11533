/** The limit: one file through Node's own TLS 1.3 socket to another, synced at the end. No hashes, no blocks, no index. */

import { once } from 'node:events'
import { createReadStream, createWriteStream, fdatasyncSync, openSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { connect, createServer } from 'node:tls'
import { answerLines } from '../line-process.ts'
import { selfSignedCertificate } from './self-signed-certificate.ts'

const CHUNK_BYTES = 1024 * 1024

await answerLines({
  async serve({ path }: { path: string }) {
    const server = createServer({ ...(await selfSignedCertificate()), minVersion: 'TLSv1.3' }, socket => {
      pipeline(createReadStream(path, { highWaterMark: CHUNK_BYTES }), socket).then(
        () => server.close(),
        console.error,
      )
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return { port: (server.address() as AddressInfo).port }
  },
  async fetch({ port, path }: { port: number; path: string }) {
    const file = openSync(path, 'w')
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
    const sink = createWriteStream(path, { fd: file, autoClose: false, highWaterMark: CHUNK_BYTES })
    await pipeline(socket, sink)
    fdatasyncSync(file)
    return { bytes: sink.bytesWritten }
  },
})
