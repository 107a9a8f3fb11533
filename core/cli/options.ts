import { InvalidArgumentError } from 'commander'

/** A whole number of bytes, from 0. */
export function byteCount(text: string): number {
  const bytes = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(bytes))
    throw new InvalidArgumentError('Expected a number of bytes.')
  return bytes
}

/** Gathers a repeatable option. */
export function collect(value: string, values: readonly string[]): readonly string[] {
  return [...values, value]
}
