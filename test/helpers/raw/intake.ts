import { decode, encodingLength } from 'uint8-varint'

/** Bytes that came and that somebody takes when it likes to. */
export class Intake {
  #unread: Buffer = Buffer.alloc(0)
  #isOver = false
  #more = Promise.withResolvers<void>()

  push(bytes: Uint8Array): void {
    this.#unread = Buffer.concat([this.#unread, bytes])
    this.#wake()
  }

  /** Nothing more will come. */
  end(): void {
    this.#isOver = true
    this.#wake()
  }

  /** The next `bytes`. Rejects where it ends before. */
  async take(bytes: number): Promise<Buffer> {
    while (this.#unread.byteLength < bytes) await this.#arrival()
    const taken = this.#unread.subarray(0, bytes)
    this.#unread = this.#unread.subarray(bytes)
    return taken
  }

  /** The next message: bytes behind their length as a varint. */
  async takeMessage(): Promise<Buffer> {
    while (!this.#unread.some(byte => byte < 0x80)) await this.#arrival()
    const length = decode(this.#unread)
    await this.take(encodingLength(length))
    return this.take(length)
  }

  takeAll(): Buffer {
    const all = this.#unread
    this.#unread = Buffer.alloc(0)
    return all
  }

  async #arrival(): Promise<void> {
    if (this.#isOver) throw new Error('it has ended')
    await this.#more.promise
  }

  #wake(): void {
    this.#more.resolve()
    this.#more = Promise.withResolvers()
  }
}
