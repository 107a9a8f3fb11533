/**
 * A long thin path to a TCP port on this host, for kernels without netem: what enters leaves in order, at the rate of the
 * link, and half a round trip later; each direction by itself, and all connections on one link. A sender is held back
 * once twice what such a link holds in flight waits here, as a router's buffer would fill.
 *
 * Both ends speak TCP to this process, whose acknowledgements come at once. So what is shown is how a protocol above TCP
 * copes with the path, for all contenders alike; TCP's own slow start isn't.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { answerLines } from '../line-process.ts'

interface Path {
  readonly port: number
  readonly roundTripMs: number
  readonly bytesPerSecond: number
}

/** One direction, shared by all connections. */
interface Link {
  /** When what has entered so far will have been sent. */
  freeMs: number
}

/** Small enough that the delay of the last byte of a piece is about that of its first. */
const PIECE_BYTES = 16 * 1024

/** What may wait here, in bandwidth-delay products. */
const BUFFER_PRODUCTS = 2

await answerLines({
  async open(path: Path) {
    const there: Link = { freeMs: 0 }
    const back: Link = { freeMs: 0 }
    const server = createServer({ allowHalfOpen: true }, near => {
      // What the handshake of the way beyond would take.
      setTimeout(() => {
        const far = connect({ port: path.port, host: '127.0.0.1', allowHalfOpen: true })
        for (const socket of [near, far]) socket.setNoDelay(true).unref()
        convey(near, far, there, path)
        convey(far, near, back, path)
      }, path.roundTripMs)
    })
    server.listen(0, '127.0.0.1').unref()
    await once(server, 'listening')
    return { port: (server.address() as AddressInfo).port }
  },
})

function convey(from: Socket, to: Socket, link: Link, { roundTripMs, bytesPerSecond }: Path): void {
  const bytesPerMs = bytesPerSecond / 1000
  const maxBytes = BUFFER_PRODUCTS * bytesPerMs * roundTripMs
  const waiting: { readonly bytes: Buffer; readonly dueMs: number }[] = []
  let waitingBytes = 0
  let ended = false
  let timer: NodeJS.Timeout | undefined

  const deliver = (): void => {
    timer = undefined
    const nowMs = performance.now()
    for (let piece = waiting[0]; piece && piece.dueMs <= nowMs; piece = waiting[0]) {
      waiting.shift()
      waitingBytes -= piece.bytes.length
      to.write(piece.bytes)
    }
    if (from.isPaused() && waitingBytes < maxBytes) from.resume()
    if (waiting[0]) timer = setTimeout(deliver, waiting[0].dueMs - nowMs)
    else if (ended) to.end()
  }

  from.on('data', data => {
    for (let at = 0; at < data.length; at += PIECE_BYTES) {
      const bytes = data.subarray(at, at + PIECE_BYTES)
      link.freeMs = Math.max(link.freeMs, performance.now()) + bytes.length / bytesPerMs
      waiting.push({ bytes, dueMs: link.freeMs + roundTripMs / 2 })
      waitingBytes += bytes.length
    }
    if (waitingBytes >= maxBytes) from.pause()
    if (!timer) deliver()
  })
  from.on('end', () => {
    ended = true
    if (!timer) deliver()
  })
  from.on('error', () => to.destroy())
  from.on('close', () => {
    if (!ended) to.destroy()
  })
}
