import { type Bucket, fullBucket, refill, takeToken } from '../../network/token-bucket.ts'

/** A person who mistypes and a script that tries again stay below it; a log and a processor bear it. */
export const TRIES = { perSecond: 0.5, burst: 20 } as const
/** Hosts remembered; the one quiet for longest leaves first, and only then may begin anew. */
export const MAX_TRACKED_HOSTS = 1024

/**
 * Bounds how often the requests of one host may fail for want of a right token. A right one is taken at any time: whoever shares an
 * address, as all do behind a proxy, can't lock others out. What is bounded is the work and the log, as a secret can't be guessed.
 */
export class FailedTries {
  /** In order of last use. */
  readonly #hosts = new Map<string, Bucket>()

  get tracked(): number {
    return this.#hosts.size
  }

  /** Counts one. Milliseconds until the host may fail again, or 0 while it may. `nowMs`: monotonic. */
  count(host: string, nowMs: number): number {
    const bucket = this.#hosts.get(host) ?? fullBucket(TRIES, nowMs)
    const left = takeToken(bucket, TRIES, nowMs)
    const kept = left ?? refill(bucket, TRIES, nowMs)
    this.#hosts.delete(host)
    this.#forgetQuiet(nowMs)
    this.#hosts.set(host, kept)
    return left ? 0 : ((1 - kept.tokens) / TRIES.perSecond) * 1000
  }

  #forgetQuiet(nowMs: number): void {
    for (const [host, bucket] of this.#hosts) {
      const isFull = refill(bucket, TRIES, nowMs).tokens >= TRIES.burst
      if (!isFull && this.#hosts.size < MAX_TRACKED_HOSTS) return
      this.#hosts.delete(host)
    }
  }
}
