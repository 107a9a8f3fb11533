import { once } from 'node:events'
import type { TLSSocket } from 'node:tls'
import type { AbortOptions, MessageStream } from '@libp2p/interface'
import { AbstractMessageStream, type SendResult } from '@libp2p/utils'
import type { Uint8ArrayList } from 'uint8arraylist'

/** The clear side of a connection whose socket the TLS engine drives. */
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
    endTlsFirst(raw, tls)
    tls.on('error', error => raw.abort(error))
    tls.on('drain', () => this.safeDispatchEvent('drain'))
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
}

/**
 * libp2p ends the raw connection, not this one. That would cut off what the TLS engine has still to send, and take the
 * socket away below it.
 */
function endTlsFirst(raw: MessageStream, tls: TLSSocket): void {
  const closeRaw = raw.close.bind(raw)
  const abortRaw = raw.abort.bind(raw)
  raw.close = async options => {
    if (!tls.closed) {
      const closed = once(tls, 'close', { signal: options?.signal })
      tls.destroySoon()
      await closed
    }
    await closeRaw(options)
  }
  raw.abort = error => {
    tls.destroy()
    abortRaw(error)
  }
}
