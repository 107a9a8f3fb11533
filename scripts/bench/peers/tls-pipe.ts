/** What a link carries: bytes through Node's own TLS 1.3 socket, from nowhere to nowhere. */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { connect, createServer } from 'node:tls'
import { answerLines } from '../line-process.ts'
import { selfSignedCertificate } from './self-signed-certificate.ts'

const CHUNK = Buffer.alloc(64 * 1024)

await answerLines({
  async serve({ host, bytes }: { host: string; bytes: number }) {
    const chunks = Math.ceil(bytes / CHUNK.length)
    const server = createServer({ ...(await selfSignedCertificate()), minVersion: 'TLSv1.3' }, socket => {
      pipeline(Readable.from(Array.from({ length: chunks }, () => CHUNK)), socket).then(
        () => server.close(),
        console.error,
      )
    })
    server.listen(0, host)
    await once(server, 'listening')
    return { port: (server.address() as AddressInfo).port }
  },
  /** Times from the first bytes on, so that the handshake doesn't count. */
  async fetch({ host, port }: { host: string; port: number }) {
    const socket = connect({ host, port, rejectUnauthorized: false })
    const [first] = (await once(socket, 'data')) as [Buffer]
    const startedAt = performance.now()
    let bytes = 0
    for await (const chunk of socket) bytes += (chunk as Buffer).length
    return { bytes, firstBytes: first.length, seconds: (performance.now() - startedAt) / 1000 }
  },
})
