import * as varint from 'uint8-varint'
import type { Channel, PeerId, ReadOptions, WaitOptions, WriteOptions } from '../../../core/api.ts'
import type { Pacer } from './pacer.ts'

export interface Meter {
  readonly upload: Pacer
  readonly download: Pacer
  count(direction: 'sent' | 'received', bytes: number): void
}

/** What questions and answers without a block stay within. They don't queue behind blocks. */
const MAX_URGENT_BYTES = 64 * 1024

/** A channel to a metered peer: what passes is counted and keeps to the caps. */
export class MeteredChannel implements Channel {
  readonly #channel: Channel
  readonly #meter: Meter

  constructor(channel: Channel, meter: Meter) {
    this.#channel = channel
    this.#meter = meter
  }

  get peer(): PeerId {
    return this.#channel.peer
  }

  get protocol(): string {
    return this.#channel.protocol
  }

  get ended(): boolean {
    return this.#channel.ended
  }

  get signal(): AbortSignal {
    return this.#channel.signal
  }

  async read(options: ReadOptions = {}): Promise<Uint8Array | undefined> {
    const admit = async (bytes: number): Promise<void> => {
      await this.#meter.download.turn({ bytes: 0, urgent: isUrgent(bytes), signals: signalsOf(options) })
      await options.admit?.(bytes)
    }
    const message = await this.#channel.read({ ...options, admit })
    if (message) this.#received(frameBytes(message), isUrgent(message.byteLength))
    return message
  }

  async readPayload(bytes: number, options: WaitOptions = {}): Promise<Uint8Array> {
    await this.#meter.download.turn({ bytes: 0, signals: signalsOf(options) })
    const payload = await this.#channel.readPayload(bytes, options)
    this.#received(bytes, false)
    return payload
  }

  async write(message: Uint8Array, payload?: Uint8Array, options: WriteOptions = {}): Promise<void> {
    const { upload } = this.#meter
    const frame = frameBytes(message) + (payload?.byteLength ?? 0)
    if (!upload.isCapped) {
      this.#meter.count('sent', frame)
      return this.#channel.write(message, payload, options)
    }
    const signals = [this.signal, ...signalsOf(options)]
    const pace = async (bytes: number): Promise<void> => {
      await upload.turn({ bytes, urgent: isUrgent(frame), signals })
      this.#meter.count('sent', bytes)
    }
    return this.#channel.write(message, payload, { ...options, pace })
  }

  close(options?: WaitOptions): Promise<void> {
    return this.#channel.close(options)
  }

  abort(reason: Error): void {
    this.#channel.abort(reason)
  }

  #received(bytes: number, urgent: boolean): void {
    this.#meter.download.spend(bytes, { urgent })
    this.#meter.count('received', bytes)
  }
}

function isUrgent(bytes: number): boolean {
  return bytes <= MAX_URGENT_BYTES
}

function frameBytes(message: Uint8Array): number {
  return varint.encodingLength(message.byteLength) + message.byteLength
}

/** Reads don't wait for the stream's own end: what had arrived by then is still to be read. */
function signalsOf({ signal }: WaitOptions): AbortSignal[] {
  return signal ? [signal] : []
}
