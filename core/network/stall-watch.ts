/** Bytes a second that a peer has to move while it keeps us within a frame: an eighth of what a modem did. */
export const MIN_BYTES_PER_SECOND = 512
/** How long a frame may take beside what its bytes need at that rate. A link that is lost for a minute may come back. */
export const FRAME_PATIENCE_MS = 120_000
/** Looks at a stream within its time limit: more find a stall sooner, each costs a timer. */
const LOOKS_PER_LIMIT = 4

/** One direction of a stream. */
export interface Progress {
  /** Bytes moved so far. */
  readonly bytes: number
  /** Number of the frame whose rest we wait for the peer to send or to take; undefined where it keeps us in none. */
  readonly frame: number | undefined
}

/** `idle`: a quiet peer, which is no fault. `stalled`: it stopped within a frame. `slow`: so few bytes that it may as well have. */
export type Stall = 'idle' | 'stalled' | 'slow'

export interface StallWatchOptions {
  /** How long nothing may move in either direction. */
  readonly idleTimeoutMs: number
  /** Streams of our own may be quiet between frames: whoever opened them knows what to wait for. */
  readonly maySleep: boolean
}

/**
 * Says when a stream has moved too little, told now and then how far it is. One byte a second keeps no frame open: each may
 * take {@link FRAME_PATIENCE_MS}, or the idle time where that is less, and what its bytes need at the least rate. Time counts
 * as far as looks are on time, so that a process that was frozen blames nobody.
 */
export class StallWatch {
  /** When to look. */
  readonly everyMs: number
  readonly #idleTimeoutMs: number
  readonly #maySleep: boolean
  readonly #patienceMs: number
  #lookedMs: number
  #movedBytes = 0
  #idleMs = 0
  readonly #reading = new FrameClock()
  readonly #writing = new FrameClock()

  constructor({ idleTimeoutMs, maySleep }: StallWatchOptions, nowMs: number) {
    this.#idleTimeoutMs = idleTimeoutMs
    this.#maySleep = maySleep
    this.#patienceMs = Math.min(idleTimeoutMs, FRAME_PATIENCE_MS)
    this.everyMs = Math.ceil(this.#patienceMs / LOOKS_PER_LIMIT)
    this.#lookedMs = nowMs
  }

  look(nowMs: number, reading: Progress, writing: Progress): Stall | undefined {
    const elapsedMs = Math.min(nowMs - this.#lookedMs, 2 * this.everyMs)
    this.#lookedMs = nowMs
    const movedBytes = reading.bytes + writing.bytes
    this.#idleMs = movedBytes === this.#movedBytes ? this.#idleMs + elapsedMs : 0
    this.#movedBytes = movedBytes
    const frames = [this.#reading.look(reading, elapsedMs), this.#writing.look(writing, elapsedMs)]
    for (const { ms, bytes } of frames) {
      if (ms >= this.#patienceMs + (bytes / MIN_BYTES_PER_SECOND) * 1000)
        return bytes > 0 ? 'slow' : 'stalled'
    }
    if (this.#maySleep || this.#idleMs < this.#idleTimeoutMs) return undefined
    return frames.some(({ ms }) => ms > 0) ? 'stalled' : 'idle'
  }
}

/** How long one frame has taken, and what moved meanwhile. */
class FrameClock {
  #frame: number | undefined
  #bytes = 0
  #ms = 0

  look({ bytes, frame }: Progress, elapsedMs: number): { readonly ms: number; readonly bytes: number } {
    if (frame === undefined || frame !== this.#frame) {
      this.#frame = frame
      this.#bytes = bytes
      this.#ms = 0
    } else {
      this.#ms += elapsedMs
    }
    return { ms: this.#ms, bytes: bytes - this.#bytes }
  }
}
