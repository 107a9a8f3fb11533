/** How often something may happen on average, and how often at once. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** What is left of a rate, and when it was counted. */
export interface Bucket {
  readonly tokens: number
  readonly atMs: number
}

export function fullBucket({ burst }: Rate, nowMs: number): Bucket {
  return { tokens: burst, atMs: nowMs }
}

/** The bucket as it is now. A clock that went back refills nothing. */
export function refill(bucket: Bucket, { perSecond, burst }: Rate, nowMs: number): Bucket {
  const elapsedMs = Math.max(0, nowMs - bucket.atMs)
  return { tokens: Math.min(burst, bucket.tokens + (elapsedMs / 1000) * perSecond), atMs: nowMs }
}

/** Takes one token; undefined where there is none. */
export function takeToken(bucket: Bucket, rate: Rate, nowMs: number): Bucket | undefined {
  const { tokens } = refill(bucket, rate, nowMs)
  return tokens < 1 ? undefined : { tokens: tokens - 1, atMs: nowMs }
}
