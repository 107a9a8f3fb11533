import type { WaitOptions } from '../storage/storage.ts'

/** Two directions of bytes, which a channel cuts into frames. */
export interface Pipe {
  /** Begins to deliver what arrives. Called once. */
  attach(sink: PipeSink): void
  /**
   * Sends `pieces`, which must not change any more; one call at a time. Resolves when more may be sent. Where the last
   * piece is `given`, its memory is given back as soon as the network has taken it, if the pipe can tell.
   *
   * Throws whatever ended the pipe.
   */
  send(pieces: readonly Uint8Array[], options: WaitOptions & { readonly given: boolean }): Promise<void>
  pause(): void
  resume(): void
  /** The remote is being made to wait. */
  readonly paused: boolean
  /** Bytes that were sent and that the network hasn't taken yet. */
  readonly unsentBytes: number
  /** Ends the sending direction once what was sent is on its way. */
  close(options: WaitOptions): Promise<void>
  /** Ends both at once. */
  abort(reason: Error): void
}

/** Where a pipe delivers. */
export interface PipeSink {
  /** Where the next bytes belong, for a pipe that can put them there itself. */
  readonly space: Uint8Array | undefined
  /** Memory that is kept until it is read. */
  readonly unreadBytes: number
  /** So many bytes were put into `space`. */
  filled(bytes: number): void
  /** `lent`: the pipe uses the memory again. */
  accept(chunks: Iterable<Uint8Array>, options?: { readonly lent: boolean }): void
  /** Nothing more will arrive. With `failure`, that came before its time. */
  finished(failure?: Error): void
  /** Both directions are over. */
  gone(reason?: Error): void
}
