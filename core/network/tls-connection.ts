import { once } from 'node:events'
import type { TLSSocket } from 'node:tls'
import type { AbortOptions, MessageStream } from '@libp2p/interface'
import { AbstractMessageStream, type SendResult } from '@libp2p/utils'
import type { Uint8ArrayList } from 'uint8arraylist'
import { rawSocketOf } from './traffic.ts'

/**
 * Once the peer has ended, what it doesn't take for so long is for nobody. Where it was gone while the handshake still wrote,
 * Node's TLS engine forgets the error of that write, and all later ones wait behind it for good.
 */
const ENDED_IDLE_TIMEOUT_MS = 3_000

/**
 * The clear side of a connection whose socket the TLS engine drives. Closing it, or the raw one below, first sends what
 * is queued. So does the peer's end: nothing more can come of a connection that only one side keeps.
 */
export class TlsConnection extends AbstractMessageStream {
  readonly #raw: MessageStream
  readonly #tls: TLSSocket

  constructor(raw: MessageStream, tls: TLSSocket) {
    super({
      log: raw.log,
      direction: raw.direction,
      inactivityTimeout: raw.inactivityTimeout,
      maxReadBufferLength: raw.maxReadBufferLength,
    })
    this.#raw = raw
    this.#tls = tls
    this.#endBeforeRaw()
    tls.on('error', error => raw.abort(error))
    tls.on('drain', () => this.safeDispatchEvent('drain'))
    // Node would end our side, too, when the peer ends its own, and what is queued here would be lost.
    tls.allowHalfOpen = true
    tls.once('end', () => {
      // libp2p's raw connection aborts on it.
      rawSocketOf(raw)?.setTimeout(ENDED_IDLE_TIMEOUT_MS)
      this.close().catch(error => raw.abort(error))
    })
    raw.addEventListener('close', ({ error, local }) => {
      tls.destroy()
      if (!error) this.onTransportClosed()
      else if (local) this.abort(error)
      else this.onRemoteReset()
    })
    tls.on('data', bytes => this.onData(bytes))
  }

  async close(options?: AbortOptions): Promise<void> {
    await this.#raw.close(options)
  }

  sendData(data: Uint8ArrayList): SendResult {
    // A muxer answers its peer until the connection is gone. That must not cut off what is still on its way.
    if (this.#tls.writableEnded) return { sentBytes: data.byteLength, canSendMore: true }
    let sentBytes = 0
    let canSendMore = true
    for (const bytes of data) {
      sentBytes += bytes.byteLength
      canSendMore = this.#tls.write(bytes)
      if (!canSendMore) break
    }
    return { sentBytes, canSendMore }
  }

  sendPause(): void {
    this.#tls.pause()
  }

  sendResume(): void {
    this.#tls.resume()
  }

  sendReset(error: Error): void {
    this.#raw.abort(error)
  }

  /**
   * libp2p ends the raw connection, not this one. That would cut off what is still to be sent, and take the socket away
   * below the TLS engine.
   */
  #endBeforeRaw(): void {
    const raw = this.#raw
    const closeRaw = raw.close.bind(raw)
    const abortRaw = raw.abort.bind(raw)
    raw.close = async options => {
      await this.#finish(options)
      await closeRaw(options)
    }
    raw.abort = error => {
      resetOnDestroy(raw, this.#tls)
      this.#tls.destroy()
      abortRaw(error)
    }
  }

  /** Resolves when all is sent and the TLS engine has ended. */
  async #finish({ signal }: AbortOptions = {}): Promise<void> {
    const tls = this.#tls
    if (tls.closed) return
    const closed = once(tls, 'close', { signal })
    if (this.writeBufferLength > 0) await Promise.race([once(this, 'idle', { signal }), closed])
    tls.destroySoon()
    await closed
  }
}

/**
 * The peer shall see a reset, not what looks like a clean end. `resetAndDestroy()` of the TLS socket throws, and that of the
 * raw one frees what the TLS engine still works on. So the raw socket, which the TLS socket destroys once it has let go,
 * is told what destroying means: the field that `resetAndDestroy()` sets. A socket that is ending can't be reset.
 */
function resetOnDestroy(raw: MessageStream, tls: TLSSocket): void {
  const socket = rawSocketOf(raw)
  if (socket && !socket.destroyed && !tls.writableEnded) Object.assign(socket, { resetAndClosing: true })
}
