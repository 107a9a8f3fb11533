import { InvalidArgumentError } from 'commander'
import { formatDuration, parseDuration } from '../config/quantities.ts'

/** A whole number of bytes, from 0. */
export function byteCount(text: string): number {
  const bytes = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(bytes))
    throw new InvalidArgumentError('Expected a number of bytes.')
  return bytes
}

/** An empty name stands for the current directory, or for nothing: it is what a shell makes of a variable that isn't set. */
export function notEmpty(text: string): string {
  if (text === '') throw new InvalidArgumentError('Expected something, got an empty text.')
  return text
}

/** Gathers a repeatable option. */
export function collect(value: string, values: readonly string[] = []): readonly string[] {
  return [...values, value]
}

/** `30m`, `7d`: milliseconds. */
export function duration(text: string): number {
  const durationMs = parseDuration(text)
  if (!durationMs) throw new InvalidArgumentError('Expected a duration such as 90s, 30m, 24h or 7d.')
  return durationMs
}

/** As {@link duration}, of at least `minMs` and at most `maxMs`. */
export function durationBetween(minMs: number, maxMs: number): (text: string) => number {
  return text => {
    const durationMs = parseDuration(text)
    if (durationMs === undefined || durationMs < minMs || durationMs > maxMs)
      throw new InvalidArgumentError(
        `Expected a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}, such as 24h.`,
      )
    return durationMs
  }
}
