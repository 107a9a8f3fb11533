import type { Stream } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import { keepsBytesOf } from './held-bytes.ts'

/** Bytes that wait on one stream: more is not what these services are for. */
const MAX_WAITING_BYTES = 512 * 1024

/** What of a libp2p stream takes what the muxer has for it. */
interface Intake {
  onData(data: Uint8Array | Uint8ArrayList): void
  onRemoteCloseWrite(): void
}

/**
 * Bounds what comes before anything is answered: one message, that its reader keeps until it is whole. What follows is as much as
 * it likes.
 */
export function boundQuestion(stream: Stream, maxBytes: number, overflow: () => void): void {
  const intake = stream as unknown as Intake
  const onData = intake.onData.bind(stream)
  const send = stream.send.bind(stream)
  let bytes = stream.readBufferLength
  let isAnswered = false
  stream.send = data => {
    isAnswered = true
    return send(data)
  }
  intake.onData = data => {
    bytes += data.byteLength
    if (isAnswered || bytes <= maxBytes) onData(data)
    else overflow()
  }
}

export interface PacedIntakeDependencies {
  /** Counts bytes; milliseconds that they have to wait for their turn. */
  ask(bytes: number): number
  /** Bytes began to wait. */
  onWait(): void
  /** Too many wait. */
  overflow(): void
}

/**
 * Hands a stream's bytes to its reader no faster than the peer may ask. To pause the stream would do, if services didn't take
 * that for its end.
 */
export function paceIntake(stream: Stream, { ask, onWait, overflow }: PacedIntakeDependencies): void {
  const intake = stream as unknown as Intake
  const onData = intake.onData.bind(stream)
  const onRemoteCloseWrite = intake.onRemoteCloseWrite.bind(stream)
  const waiting: (Uint8Array | Uint8ArrayList)[] = []
  let waitingBytes = 0
  let isEnded = false
  let timer: NodeJS.Timeout | undefined

  const deliver = (): void => {
    timer = undefined
    for (let data = waiting.shift(); data; data = waiting.shift()) {
      waitingBytes -= data.byteLength
      onData(data)
      const waitMs = waiting[0] ? ask(waiting[0].byteLength) : 0
      if (waitMs > 0) {
        timer = setTimeout(deliver, waitMs).unref()
        return
      }
    }
    if (isEnded) onRemoteCloseWrite()
  }

  keepsBytesOf(stream, () => waitingBytes)
  stream.addEventListener('close', () => {
    clearTimeout(timer)
    waiting.length = 0
    waitingBytes = 0
  })
  // What came along with the name of the protocol.
  ask(stream.readBufferLength)
  intake.onData = data => {
    const waitMs = timer ? undefined : ask(data.byteLength)
    if (waitMs === 0) return onData(data)
    waiting.push(data)
    waitingBytes += data.byteLength
    if (waitMs !== undefined) {
      onWait()
      timer = setTimeout(deliver, waitMs).unref()
    }
    if (waitingBytes > MAX_WAITING_BYTES) overflow()
  }
  intake.onRemoteCloseWrite = () => {
    if (timer) isEnded = true
    else onRemoteCloseWrite()
  }
}
