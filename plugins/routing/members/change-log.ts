export interface ChangeLogOptions {
  /** Of all messages kept. */
  readonly maxBytes: number
}

/** The last changes, each as the message that tells of it, numbered from 1 on. The oldest are forgotten first. */
export class ChangeLog {
  readonly #maxBytes: number
  readonly #messages = new Map<number, Uint8Array>()
  #bytes = 0
  #sequence = 0

  constructor({ maxBytes }: ChangeLogOptions) {
    this.#maxBytes = maxBytes
  }

  /** Of the last change; 0 before the first. */
  get sequence(): number {
    return this.#sequence
  }

  /** Keeps what `encode` makes for the next number. */
  append(encode: (sequence: number) => Uint8Array): void {
    this.#sequence += 1
    const message = encode(this.#sequence)
    this.#messages.set(this.#sequence, message)
    this.#bytes += message.byteLength
    for (const [sequence, { byteLength }] of this.#messages) {
      if (this.#bytes <= this.#maxBytes) break
      this.#messages.delete(sequence)
      this.#bytes -= byteLength
    }
  }

  /** Forgets all, and that something changed: nobody can go on from what was told so far. */
  skip(): void {
    this.#sequence += 1
    this.#messages.clear()
    this.#bytes = 0
  }

  /** Undefined where it is forgotten, or was never there. */
  message(sequence: number): Uint8Array | undefined {
    return this.#messages.get(sequence)
  }

  /** All that came after `sequence` is there. */
  reaches(sequence: number): boolean {
    return sequence === this.#sequence || this.#messages.has(sequence + 1)
  }
}
