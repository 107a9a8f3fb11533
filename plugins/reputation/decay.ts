import type { Fading } from './evidence.ts'

/** A weight, and when it was that. */
export interface Decaying {
  readonly weight: number
  readonly atMs: number
}

/** What is left of it. A clock that went back leaves all. */
export function weightAt({ weight, atMs }: Decaying, { halfLifeMs }: Fading, nowMs: number): number {
  return weight * 2 ** (-Math.max(0, nowMs - atMs) / halfLifeMs)
}

export function grown(before: Decaying | undefined, by: number, fading: Fading, nowMs: number): Decaying {
  const left = before ? weightAt(before, fading, nowMs) : 0
  return { weight: Math.min(fading.maxWeight, left + by), atMs: nowMs }
}
